"""A projection is forgotten and built again from the log, and then tells the same as before."""

import random
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops import replay as replaying_module
from tests.integration.batches import DAY, confirmed
from tests.integration.cloud import Cloud, CrashError
from tests.integration.desk import Desk, never, nth
from tests.integration.facts import fact, new_order, placed
from tests.integration.shop import Shop
from tidings.contracts import OrderCancelled
from tidings.rebuilding import is_rebuilding

NAME = "analytics"
ORDERS = 40


class Hands:
    """Carry the queue's messages to the consumer, as the mapping does, which moto cannot run."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stopped = False
        self.when_stopped: Callable[[], None] = lambda: None

    def off(self) -> None:
        self.stopped = True
        self.when_stopped()

    def on(self) -> None:
        self.stopped = False
        # What is killed here is the command, and not the consumer.
        kill, self.cloud.calls.before = self.cloud.calls.before, never
        while self.cloud.deliver(NAME):
            pass
        self.cloud.calls.before = kill


@pytest.fixture
def desk(cloud: Cloud, tmp_path: Path) -> Desk:
    return Desk(cloud, tmp_path)


@pytest.fixture
def hands(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Hands:
    found = Hands(cloud)
    monkeypatch.setattr("ops.replaying.Mapping", lambda _client, _function: found)
    return found


def life_of(order: str, rng: random.Random) -> list[str]:
    """An order's events that analytics hears of."""
    lines = tuple((f"sku-{n}", rng.randint(1, 5)) for n in rng.sample(range(30), rng.randint(1, 3)))
    events = [placed(order, *lines)]
    if rng.random() < 0.8:
        events.append(confirmed(order, *lines))
    if rng.random() < 0.3:
        events.append(fact(order, "orders", OrderCancelled(reason=rng.choice(("customer", "fraud"))), len(events) + 1))
    return events


def sales(shop: Shop) -> dict[str, Any]:
    """What analytics shows to operators."""
    answer = shop.call("GET", "/analytics/sales", query={"from": DAY, "to": DAY}, operator=True)
    assert answer.status == 200, answer
    return dict(answer.body)


def announce(cloud: Cloud, *bodies: str) -> None:
    """Lets the topic deliver events to analytics and to history."""
    for body in bodies:
        for service in (NAME, "history"):
            cloud.sqs.send_message(QueueUrl=cloud.queue(service), MessageBody=body)


def chance() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - what it takes to run it again
    return random.Random(seed)  # noqa: S311 - not for secrecy


def test_a_view_is_the_same_after_it_was_rebuilt_with_events_coming_in(
    shop: Shop, desk: Desk, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = chance()
    lives = [life_of(new_order(), rng) for _ in range(ORDERS)]
    events = [body for life in lives for body in life]
    rng.shuffle(events)
    desk.record(*events[:-20])
    shop.cloud.hand(NAME, *events)
    before = sales(shop)
    assert before["days"][0]["total"]["placed"] == ORDERS

    def live() -> None:
        announce(shop.cloud, *events[-20:])
        while shop.cloud.deliver("history"):
            pass

    hands.when_stopped = live
    desk.replay(NAME, rebuild=True)
    assert f"{NAME}: {len(events):,} messages sent" in capsys.readouterr().out
    assert sales(shop) == before


def test_a_rebuilding_that_is_killed_at_any_call_and_run_again_ends_in_the_same_view(
    shop: Shop, desk: Desk, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying_module, "CHUNK", 2)
    rng = chance()
    events = [body for _ in range(3) for body in life_of(new_order(), rng)]
    announce(shop.cloud, *events)
    for service in (NAME, "history"):
        while shop.cloud.deliver(service):
            pass
    before = sales(shop)
    monkeypatch.setattr("functions.history.buckets.SHARDS", 2)
    monkeypatch.setattr("functions.history.log.SHARDS", 2)
    for n in range(1, 1000):
        desk.cloud.calls.before = nth(n)
        try:
            desk.replay(NAME, rebuild=True)
        except CrashError:
            desk.cloud.calls.before = never
            found = sales(shop)
            assert found == before or found["rebuilding"]
        else:
            break
        desk.replay(NAME, rebuild=True)
        assert sales(shop) == before
        assert not hands.stopped
    assert n > 10
    assert not list(desk.directory.glob("*.json"))


def test_the_view_says_that_it_is_being_rebuilt_until_all_is_handled(shop: Shop, desk: Desk, hands: Hands) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(is_rebuilding(shop.cloud.dynamodb, shop.cloud.table(NAME)))
        seen.append(sales(shop)["rebuilding"])

    hands.when_stopped = look
    desk.replay(NAME, rebuild=True)
    assert seen == [True, True]
    assert not is_rebuilding(shop.cloud.dynamodb, shop.cloud.table(NAME))
    assert "rebuilding" not in sales(shop)


def test_the_rebuilding_of_an_empty_log_forgets_everything(shop: Shop, desk: Desk, hands: Hands) -> None:
    shop.cloud.hand(NAME, placed(new_order(), ("mug", 2)))
    desk.replay(NAME, rebuild=True)
    assert sales(shop)["days"] == []
    assert shop.cloud.items(shop.cloud.table(NAME)) == []
    assert not hands.stopped
