"""The rebuild of a projection from the log: it shows the same afterwards."""

import random
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from tests.integration.batches import DAY
from tests.integration.cli_driver import CliDriver, never, nth
from tests.integration.cloud import Cloud, CrashError
from tests.integration.facts import confirmed, fact, new_order, placed
from tests.integration.shop import Shop
from tidings.aws.dynamodb import is_rebuilding

NAME = "analytics"
ORDERS = 40


class Mapping:
    """The event source mapping, which moto does not run: it carries the queue's messages to the consumer."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stopped = False
        self.when_stopped: Callable[[], None] = lambda: None

    def stop(self) -> None:
        self.stopped = True
        self.when_stopped()

    def start(self) -> None:
        self.stopped = False
        # Only the command crashes, not the consumer.
        crash, self.cloud.calls.before = self.cloud.calls.before, never
        while self.cloud.deliver(NAME):
            pass
        self.cloud.calls.before = crash


@pytest.fixture
def mapping(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Mapping:
    found = Mapping(cloud)
    monkeypatch.setattr("ops.replay.run.EventSourceMapping", lambda _client, _function: found)
    return found


def random_history(order: str, rng: random.Random) -> list[str]:
    """Return the events of an order that analytics subscribes to."""
    lines = tuple((f"sku-{n}", rng.randint(1, 5)) for n in rng.sample(range(30), rng.randint(1, 3)))
    events = [placed(order, *lines)]
    if rng.random() < 0.8:
        events.append(confirmed(order, *lines))
    if rng.random() < 0.3:
        events.append(fact(order, OrderCancelled(reason=rng.choice(("customer", "fraud"))), len(events) + 1))
    return events


def sales(shop: Shop) -> dict[str, Any]:
    """Return the figures that analytics shows to operators."""
    answer = shop.call("GET", "/operators/sales", query={"from": DAY, "to": DAY})
    assert answer.status == 200, answer
    return dict(answer.body)


def announce(cloud: Cloud, *bodies: str) -> None:
    """Deliver events to analytics and to history, as the topic does."""
    for body in bodies:
        for service in (NAME, "history"):
            cloud.sqs.send_message(QueueUrl=cloud.queue(service), MessageBody=body)


def seeded_random() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - the seed with which to run it again
    return random.Random(seed)  # noqa: S311 - not for secrecy


def test_a_projection_is_the_same_after_a_rebuild_during_which_events_arrive(
    shop: Shop, driver: CliDriver, mapping: Mapping, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = seeded_random()
    histories = [random_history(new_order(), rng) for _ in range(ORDERS)]
    events = [body for history in histories for body in history]
    rng.shuffle(events)
    driver.record(*events[:-20])
    shop.cloud.hand(NAME, *events)
    before = sales(shop)
    assert before["days"][0]["total"]["placed"] == ORDERS

    def live() -> None:
        announce(shop.cloud, *events[-20:])
        while shop.cloud.deliver("history"):
            pass

    mapping.when_stopped = live
    driver.replay(NAME, rebuild=True)
    assert f"{NAME}: {len(events):,} messages sent" in capsys.readouterr().out
    assert sales(shop) == before


def test_a_rebuild_that_crashes_at_any_call_and_runs_again_ends_in_the_same_projection(
    shop: Shop, driver: CliDriver, mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 2)
    rng = seeded_random()
    events = [body for _ in range(3) for body in random_history(new_order(), rng)]
    announce(shop.cloud, *events)
    for service in (NAME, "history"):
        while shop.cloud.deliver(service):
            pass
    before = sales(shop)
    monkeypatch.setattr("functions.history.buckets.SHARDS", 2)
    monkeypatch.setattr("functions.history.log.SHARDS", 2)
    for n in range(1, 1000):
        driver.cloud.calls.before = nth(n)
        try:
            driver.replay(NAME, rebuild=True)
        except CrashError:
            driver.cloud.calls.before = never
            found = sales(shop)
            assert found == before or found["rebuilding"]
        else:
            break
        driver.replay(NAME, rebuild=True)
        assert sales(shop) == before
        assert not mapping.stopped
    assert n > 10
    assert not list(driver.directory.glob("*.json"))


def test_a_projection_says_that_it_is_being_rebuilt_until_all_events_are_handled(
    shop: Shop, driver: CliDriver, mapping: Mapping
) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(is_rebuilding(shop.cloud.dynamodb, shop.cloud.table(NAME)))
        seen.append(sales(shop)["rebuilding"])

    mapping.when_stopped = look
    driver.replay(NAME, rebuild=True)
    assert seen == [True, True]
    assert not is_rebuilding(shop.cloud.dynamodb, shop.cloud.table(NAME))
    assert "rebuilding" not in sales(shop)


def test_a_rebuild_from_an_empty_log_empties_the_projection(shop: Shop, driver: CliDriver, mapping: Mapping) -> None:
    shop.cloud.hand(NAME, placed(new_order(), ("mug", 2)))
    driver.replay(NAME, rebuild=True)
    assert sales(shop)["days"] == []
    assert shop.cloud.items(shop.cloud.table(NAME)) == []
    assert not mapping.stopped
