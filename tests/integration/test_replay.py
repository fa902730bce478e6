"""Replays from the log to one consumer's queue, over the template's own table, queues and subscriptions."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.history import buckets
from ops import replay as replaying_module
from ops.failure import Failure
from ops.quiet import Delays
from ops.replaying import Request, permitted
from tests.integration.cloud import Cloud, CrashError
from tests.integration.desk import CANCELLED, CAPTURED, HOUR, NOON, Desk, history_of, ids_of, never, nth
from tests.integration.facts import fact, new_order, placed
from tests.integration.shop import Shop
from tidings.clock import millis, now


@pytest.fixture
def desk(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Calls go one by one here: else the batches of different orders reach a queue in any order."""
    monkeypatch.setattr("ops.replaying.WORKERS", 1)
    return Desk(cloud, tmp_path)


def test_every_event_that_the_consumer_subscribes_to_arrives_there_and_nowhere_else(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [new_order() for _ in range(12)]
    desk.record(*(body for order in orders for body in history_of(order)))
    desk.replay("payment", start="2026-01-01")
    wanted = [f"orders/{order}/{n}" for order in orders for n in (1, 2)]
    assert sorted(desk.ids("payment")) == sorted(wanted)
    assert all(desk.taken(service) == [] for service in desk.cloud.services)
    assert capsys.readouterr().out == "payment: 24 messages sent (OrderCancelled 12, OrderPlaced 12)\n"


def test_a_message_is_what_the_topic_would_deliver_under_an_id_of_its_own(desk: Desk) -> None:
    order = new_order()
    body = placed(order, ("mug", 1))
    desk.record(body)
    seen = []
    for _ in range(2):
        desk.replay("payment", start="2026-01-01")
        (record,) = desk.taken("payment")
        assert record["body"] == body
        assert record["messageAttributes"]["type"]["StringValue"] == "OrderPlaced"
        assert record["attributes"]["MessageGroupId"] == order
        identity, _, attempt = record["attributes"]["MessageDeduplicationId"].split("#")
        assert (identity, attempt) == (f"orders/{order}/1", "1")
        seen.append(record["attributes"]["MessageDeduplicationId"])
    assert len(set(seen)) == 2


def test_the_oldest_comes_first_across_hours_and_shards(desk: Desk) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(40)]
    for n, body in enumerate(bodies):
        desk.record(body, at=NOON + n * HOUR // 7)
    desk.replay("inventory")
    assert desk.ids("inventory") == ids_of(*bodies)


def test_an_orders_events_arrive_in_causal_order_however_they_were_recorded(desk: Desk) -> None:
    order = new_order()
    first, second, third = (fact(order, "orders", CANCELLED, n) for n in (1, 2, 3))
    desk.record(third, first)
    desk.record(second, at=NOON + HOUR)
    desk.replay("payment", start="2026-01-01")
    assert desk.ids("payment") == ids_of(first, second, third)


def test_an_hour_that_was_begun_with_fewer_shards_is_read_as_a_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(20)]
    for shards, some in ((2, bodies[:10]), (11, bodies[10:15]), (3, bodies[15:])):
        monkeypatch.setattr(buckets, "SHARDS", shards)
        monkeypatch.setattr("functions.history.log.SHARDS", shards)
        desk.record(*some, at=NOON + bodies.index(some[0]))
    desk.replay("inventory")
    assert desk.ids("inventory") == ids_of(*bodies)


def test_no_time_range_is_scanned_for_and_hours_without_events_cost_nothing(desk: Desk) -> None:
    desk.record(placed(new_order(), ("mug", 1)))
    desk.record(placed(new_order(), ("mug", 1)), at=NOON + 1000 * HOUR)
    with desk.cloud.calls.counted() as calls:
        desk.replay("inventory")
    assert calls.names()["Scan"] == 0
    assert calls.names()["Query"] == 2 + 2 * buckets.SHARDS


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"start": "2026-01-31T13:00:00Z"}, [1, 2]),
        ({"end": "2026-01-31T14:00:00Z"}, [0, 1]),
        ({"start": "2026-01-31T13:00:00Z", "end": "2026-01-31T14:00:00Z"}, [1]),
        ({"start": "2026-02-01"}, []),
        ({"types": ("OrderPlaced",)}, [0, 2]),
        ({"types": ("OrderPlaced", "OrderCancelled")}, [0, 1, 2]),
        ({"types": ("OrderDispatched",)}, []),
    ],
)
def test_a_replay_can_be_narrowed_by_time_and_by_type(desk: Desk, options: dict[str, Any], expected: list[int]) -> None:
    bodies = [placed(new_order(), ("mug", 1)), fact(new_order(), "orders", CANCELLED), placed(new_order(), ("mug", 1))]
    for n, body in enumerate(bodies):
        desk.record(body, at=NOON + n * HOUR)
    desk.replay("inventory", **options)
    assert desk.ids("inventory") == ids_of(*(bodies[n] for n in expected))


def test_one_order_is_replayed_by_the_tables_own_key(desk: Desk) -> None:
    order = new_order()
    bodies = history_of(order)
    desk.record(*reversed(bodies), *history_of(new_order()))
    with desk.cloud.calls.counted() as calls:
        desk.replay("notification", order=order, start="2026-01-01")
    assert set(desk.ids("notification")) == set(ids_of(*bodies))
    assert not [name for name, request in calls.made if "IndexName" in request]


def test_a_dry_run_counts_and_sends_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.record(*history_of(new_order()))
    desk.replay("inventory", dry_run=True)
    assert desk.taken("inventory") == []
    assert capsys.readouterr().out == "inventory: 2 messages would be sent (OrderCancelled 1, OrderPlaced 1)\n"
    assert not list(desk.directory.glob("*.json"))


def test_numbers_that_are_nowhere_in_the_log_are_reported_at_the_end(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    order = new_order()
    desk.record(placed(order, ("mug", 1)), fact(order, "orders", CANCELLED, 4), fact(order, "payment", CAPTURED, 2))
    desk.record(*history_of(new_order()))
    desk.replay("inventory", start="2026-01-01", types=("OrderPlaced",))
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"Not recorded: of order {order}, from orders, number 2, 3",
        f"Not recorded: of order {order}, from payment, number 1",
    ]


def test_an_empty_log_is_replayed_as_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.replay("inventory")
    assert capsys.readouterr().out == "inventory: 0 messages sent\n"


def test_an_end_that_lies_in_the_future_is_refused(desk: Desk) -> None:
    with pytest.raises(Failure, match="lies in the future"):
        desk.replay("inventory", end="9999-01-01")


def test_a_consumer_that_is_not_deployed_is_refused(desk: Desk) -> None:
    del desk.outputs.services["loyalty"]  # type: ignore[attr-defined]  # a dictionary in fact
    with pytest.raises(Failure, match="loyalty is not deployed"):
        desk.replay("loyalty")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_replay_that_is_killed_at_any_call_and_run_again_leaves_nothing_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(replaying_module, "CHUNK", 3)
    monkeypatch.setattr(buckets, "SHARDS", 2)
    monkeypatch.setattr("functions.history.log.SHARDS", 2)
    orders = [new_order() for _ in range(5)]
    for n, order in enumerate(orders):
        desk.record(*history_of(order), at=NOON + n * HOUR // 2)
    wanted = {f"orders/{order}/{n}" for order in orders for n in (1, 2)}
    for n in range(1, 1000):
        setattr(desk.cloud.calls, when, nth(n))
        try:
            desk.replay("inventory")
        except CrashError:
            pass
        else:
            break
        finally:
            setattr(desk.cloud.calls, when, never)
        desk.replay("inventory")
        assert set(desk.ids("inventory")) == wanted
    assert n > 15
    assert not list(desk.directory.glob("*.json"))


def test_a_replay_that_goes_on_does_not_begin_at_the_beginning(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replaying_module, "CHUNK", 5)
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(30)]
    for n, body in enumerate(bodies):
        desk.record(body, at=NOON + n * HOUR)
    sent = 0

    def stops(name: str, _request: Mapping[str, Any]) -> bool:
        nonlocal sent
        sent += name == "SendMessageBatch"
        return sent > 4

    desk.cloud.calls.before = stops
    with pytest.raises(CrashError):
        desk.replay("inventory")
    desk.cloud.calls.before = never
    assert desk.ids("inventory") == ids_of(*bodies[:20])
    desk.replay("inventory")
    assert desk.ids("inventory") == ids_of(*bodies[20:])
    assert "inventory: 30 messages sent" in capsys.readouterr().out


def test_restart_begins_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying_module, "CHUNK", 5)
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(20)]
    for n, body in enumerate(bodies):
        desk.record(body, at=NOON + n * HOUR)
    desk.cloud.calls.after = lambda name, _request: name == "SendMessageBatch" and next(stops, False)
    stops = iter([False, False, True])
    with pytest.raises(CrashError):
        desk.replay("inventory")
    desk.cloud.calls.after = never
    desk.taken("inventory")
    desk.replay("inventory", restart=True)
    assert desk.ids("inventory") == ids_of(*bodies)


def test_who_replays_to_a_new_subscription_on_aws_is_told_when_to_do_so_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.replaying.LOCALLY", Delays(counts=0, index=0, policy=900))
    monkeypatch.setattr("ops.replaying.subscription_works", lambda _client, _stack, _delay: now() + 60_000)
    order = placed(new_order(), ("mug", 1))
    desk.record(order)
    desk.replay("inventory")
    said = capsys.readouterr().err
    assert desk.ids("inventory") == ids_of(order)
    assert "The subscription of inventory is new or was changed" in said
    again = re.search(r"tidings replay inventory --from (\S+);", said)
    assert again
    assert now() - 120_000 < millis(again[1]) < now() - 59_000


def test_who_waits_for_a_new_subscription_need_not_do_so_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    works = now() + 1_000
    monkeypatch.setattr("ops.replaying.LOCALLY", Delays(counts=0, index=0, policy=900))
    monkeypatch.setattr("ops.replaying.subscription_works", lambda _client, _stack, _delay: works)
    desk.replay("inventory", wait=True)
    assert now() >= works
    assert "--wait" not in capsys.readouterr().err


def snapshot(cloud: Cloud) -> dict[str, Any]:
    """All that the shop knows, has charged and has sent."""
    tables = {name: cloud.items(cloud.table(name)) for name in cloud.services}
    return {name: sorted(map(repr, items)) for name, items in tables.items()} | {
        "payments": sorted(map(repr, cloud.payments())),
        "mails": [(mail.subject, mail.destinations) for mail in cloud.mails()],
    }


def test_everything_replayed_to_every_consumer_twice_arrives_and_changes_nothing(shop: Shop, desk: Desk) -> None:
    cloud = shop.cloud
    shop.stock("mug", 20)
    orders = [shop.place(("mug", 2), method=method) for method in ("pm_card_visa", "pm_card_declined", "pm_card_visa")]
    cloud.settle()
    shop.cancel(orders[0])
    cloud.settle()
    before = snapshot(cloud)
    types = Counter(event["type"] for order in orders for event in shop.timeline(order))
    for _ in range(2):
        for service in sorted(set(cloud.services) - {"history"}):
            desk.replay(service, start="2026-01-01")
            arrived = held(cloud, service)
            assert arrived == sum(types[name] for name in subscribed(service)), service
            while cloud.deliver(service):
                pass
            assert held(cloud, service) == 0
            assert cloud.dead_letters(service) == []
    assert snapshot(cloud) == before
    cloud.settle()
    assert snapshot(cloud) == before


def held(cloud: Cloud, service: str) -> int:
    attributes = cloud.sqs.get_queue_attributes(
        QueueUrl=cloud.queue(service), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def subscribed(service: str) -> set[str]:
    return {contract.__name__ for contract in permitted(Request(consumer=service, start="2026-01-01")).reactions}
