"""Replays from the log to one consumer's queue, on the template's table, queues and subscriptions."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.history import buckets
from ops.errors import CommandError
from ops.replay.options import ReplayOptions
from tests.integration.cli_driver import CANCELLED, CAPTURED, HOUR, NOON, CliDriver, history_of, ids_of, never, nth
from tests.integration.cloud import Cloud, CrashError
from tests.integration.facts import fact, new_order, placed
from tests.integration.shop import Shop
from tidings.core.clock import from_rfc3339, now
from tidings.recovery import Delays


@pytest.fixture
def driver(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliDriver:
    """A driver that makes its calls one by one: parallel batches of different orders would arrive in any sequence."""
    monkeypatch.setattr("ops.replay.run.WORKERS", 1)
    return CliDriver(cloud, tmp_path)


def test_every_subscribed_event_arrives_at_the_consumer_and_nowhere_else(
    driver: CliDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [new_order() for _ in range(12)]
    driver.record(*(body for order in orders for body in history_of(order)))
    driver.replay("payment", start="2026-01-01")
    wanted = [f"orders/{order}/{n}" for order in orders for n in (1, 2)]
    assert sorted(driver.ids("payment")) == sorted(wanted)
    assert all(driver.take_all(service) == [] for service in driver.cloud.consumers)
    assert capsys.readouterr().out == "payment: 24 messages sent (OrderCancelled 12, OrderPlaced 12)\n"


def test_a_time_may_be_a_duration_before_now(driver: CliDriver) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(4)]
    for body, hours in zip(bodies, (4, 3, 2, 0), strict=True):
        driver.record(body, at=now() - hours * HOUR)
    driver.replay("payment", start="210m", end="1h")
    assert driver.ids("payment") == ids_of(bodies[1], bodies[2])


def test_a_run_that_continues_another_omits_no_event_because_its_duration_begins_later(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 1)
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(3)]
    driver.record(*bodies, at=now() - HOUR)
    sends = iter([False, True])
    driver.cloud.calls.before = lambda name, _request: name == "SendMessageBatch" and next(sends)
    with pytest.raises(CrashError):
        driver.replay("payment", start="2h")
    driver.cloud.calls.before = never
    monkeypatch.setattr("ops.times.now", lambda: now() + 2 * HOUR)
    driver.replay("payment", start="2h")
    assert set(driver.ids("payment")) == set(ids_of(*bodies))


def test_a_message_is_as_the_topic_would_deliver_it_with_a_new_deduplication_id(driver: CliDriver) -> None:
    order = new_order()
    body = placed(order, ("mug", 1))
    driver.record(body)
    seen = []
    for _ in range(2):
        driver.replay("payment", start="2026-01-01")
        (record,) = driver.take_all("payment")
        assert record["body"] == body
        assert record["messageAttributes"]["type"]["StringValue"] == "OrderPlaced"
        assert record["attributes"]["MessageGroupId"] == order
        identity, _, attempt = record["attributes"]["MessageDeduplicationId"].split("#")
        assert (identity, attempt) == (f"orders/{order}/1", "1")
        seen.append(record["attributes"]["MessageDeduplicationId"])
    assert len(set(seen)) == 2


def test_a_record_that_holds_no_event_is_named_and_holds_up_no_other(
    driver: CliDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    order = new_order()
    first, second, third = (fact(order, CANCELLED, n) for n in (1, 2, 3))
    driver.record(first, second, third)
    driver.cloud.dynamodb.update_item(
        TableName=driver.cloud.table("history"),
        Key={"pk": {"S": order}, "id": {"S": f"orders/{order}/2"}},
        UpdateExpression="SET event = :event",
        ExpressionAttributeValues={":event": {"S": "by hand"}},
    )
    for options in ({}, {"order": order}, {"dry_run": True}):
        with pytest.raises(CommandError, match=f"^1 recorded event cannot be sent to payment: orders/{order}/2: undec"):
            driver.replay("payment", start="2026-01-01", **options)
        verb = "would be sent" if options.get("dry_run") else "sent"
        assert capsys.readouterr().out == f"payment: 2 messages {verb} (OrderCancelled 2)\n"
        assert driver.ids("payment") == ([] if options.get("dry_run") else ids_of(first, third))


def test_the_oldest_event_comes_first_across_hours_and_shards(driver: CliDriver) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(40)]
    for n, body in enumerate(bodies):
        driver.record(body, at=NOON + n * HOUR // 7)
    driver.replay("inventory")
    assert driver.ids("inventory") == ids_of(*bodies)


def test_an_orders_events_arrive_in_causal_sequence_however_they_were_recorded(driver: CliDriver) -> None:
    order = new_order()
    first, second, third = (fact(order, CANCELLED, n) for n in (1, 2, 3))
    driver.record(third, first)
    driver.record(second, at=NOON + HOUR)
    driver.replay("payment", start="2026-01-01")
    assert driver.ids("payment") == ids_of(first, second, third)


def test_an_hour_that_began_with_fewer_shards_is_read_as_a_whole(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(20)]
    for shards, some in ((2, bodies[:10]), (11, bodies[10:15]), (3, bodies[15:])):
        monkeypatch.setattr(buckets, "SHARDS", shards)
        monkeypatch.setattr("functions.history.log.SHARDS", shards)
        driver.record(*some, at=NOON + bodies.index(some[0]))
    driver.replay("inventory")
    assert driver.ids("inventory") == ids_of(*bodies)


def test_no_table_is_scanned_and_hours_without_events_cost_nothing(driver: CliDriver) -> None:
    driver.record(placed(new_order(), ("mug", 1)))
    driver.record(placed(new_order(), ("mug", 1)), at=NOON + 1000 * HOUR)
    with driver.cloud.calls.counted() as calls:
        driver.replay("inventory")
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
def test_a_replay_can_be_limited_by_time_and_type(
    driver: CliDriver, options: dict[str, Any], expected: list[int]
) -> None:
    bodies = [placed(new_order(), ("mug", 1)), fact(new_order(), CANCELLED), placed(new_order(), ("mug", 1))]
    for n, body in enumerate(bodies):
        driver.record(body, at=NOON + n * HOUR)
    driver.replay("inventory", **options)
    assert driver.ids("inventory") == ids_of(*(bodies[n] for n in expected))


def test_one_order_is_replayed_by_the_tables_key(driver: CliDriver) -> None:
    order = new_order()
    bodies = history_of(order)
    driver.record(*reversed(bodies), *history_of(new_order()))
    with driver.cloud.calls.counted() as calls:
        driver.replay("notification", order=order, start="2026-01-01")
    assert set(driver.ids("notification")) == set(ids_of(*bodies))
    assert not [name for name, request in calls.made if "IndexName" in request]


def test_an_order_that_the_log_does_not_hold_is_refused(driver: CliDriver) -> None:
    driver.record(*history_of(new_order()))
    order = new_order()
    with pytest.raises(CommandError, match=f"^the event log holds no event of order {order}$"):
        driver.replay("inventory", order=order)
    assert driver.take_all("inventory") == []


def test_a_dry_run_counts_and_sends_nothing(driver: CliDriver, capsys: pytest.CaptureFixture[str]) -> None:
    driver.record(*history_of(new_order()))
    driver.replay("inventory", dry_run=True)
    assert driver.take_all("inventory") == []
    assert capsys.readouterr().out == "inventory: 2 messages would be sent (OrderCancelled 1, OrderPlaced 1)\n"
    assert not list(driver.directory.glob("*.json"))


def test_numbers_missing_in_the_log_are_reported_at_the_end(
    driver: CliDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    order = new_order()
    driver.record(placed(order, ("mug", 1)), fact(order, CANCELLED, 4), fact(order, CAPTURED, 2))
    driver.record(*history_of(new_order()))
    driver.replay("inventory", start="2026-01-01", types=("OrderPlaced",))
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"Not recorded: of order {order}, from orders, number 2, 3",
        f"Not recorded: of order {order}, from payment, number 1",
    ]


def test_the_replay_of_an_empty_log_sends_nothing(driver: CliDriver, capsys: pytest.CaptureFixture[str]) -> None:
    driver.replay("inventory")
    assert capsys.readouterr().out == "inventory: 0 messages sent\n"


def test_an_end_that_lies_in_the_future_is_refused(driver: CliDriver) -> None:
    with pytest.raises(CommandError, match="lies in the future"):
        driver.replay("inventory", end="9999-01-01")


def test_a_consumer_that_is_not_deployed_is_refused(driver: CliDriver) -> None:
    del driver.outputs.services["loyalty"]  # type: ignore[attr-defined]  # a dictionary in fact
    with pytest.raises(CommandError, match="the service 'loyalty' is not deployed"):
        driver.replay("loyalty")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_replay_that_crashes_at_any_call_and_runs_again_omits_nothing(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 3)
    monkeypatch.setattr(buckets, "SHARDS", 2)
    monkeypatch.setattr("functions.history.log.SHARDS", 2)
    orders = [new_order() for _ in range(5)]
    for n, order in enumerate(orders):
        driver.record(*history_of(order), at=NOON + n * HOUR // 2)
    wanted = {f"orders/{order}/{n}" for order in orders for n in (1, 2)}
    for n in range(1, 1000):
        setattr(driver.cloud.calls, when, nth(n))
        try:
            driver.replay("inventory")
        except CrashError:
            pass
        else:
            break
        finally:
            setattr(driver.cloud.calls, when, never)
        driver.replay("inventory")
        assert set(driver.ids("inventory")) == wanted
    assert n > 15
    assert not list(driver.directory.glob("*.json"))


def test_a_replay_continues_where_it_broke_off(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 5)
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(30)]
    for n, body in enumerate(bodies):
        driver.record(body, at=NOON + n * HOUR)
    sent = 0

    def stops(name: str, _request: Mapping[str, Any]) -> bool:
        nonlocal sent
        sent += name == "SendMessageBatch"
        return sent > 4

    driver.cloud.calls.before = stops
    with pytest.raises(CrashError):
        driver.replay("inventory")
    driver.cloud.calls.before = never
    assert driver.ids("inventory") == ids_of(*bodies[:20])
    driver.replay("inventory")
    assert driver.ids("inventory") == ids_of(*bodies[20:])
    assert "inventory: 30 messages sent" in capsys.readouterr().out


def test_restart_begins_at_the_beginning(driver: CliDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 5)
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(20)]
    for n, body in enumerate(bodies):
        driver.record(body, at=NOON + n * HOUR)
    driver.cloud.calls.after = lambda name, _request: name == "SendMessageBatch" and next(stops, False)
    stops = iter([False, False, True])
    with pytest.raises(CrashError):
        driver.replay("inventory")
    driver.cloud.calls.after = never
    driver.take_all("inventory")
    driver.replay("inventory", restart=True)
    assert driver.ids("inventory") == ids_of(*bodies)


def test_a_replay_to_a_new_subscription_on_aws_says_when_to_run_it_again(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.replay.run.LOCAL_DELAYS", Delays(depth=0, index=0, filter_policy=900))
    monkeypatch.setattr("ops.replay.run.effective_since", lambda _client, _stack, _delay: now() + 60_000)
    order = placed(new_order(), ("mug", 1))
    driver.record(order)
    driver.replay("inventory")
    notes = capsys.readouterr().err
    assert driver.ids("inventory") == ids_of(order)
    assert "The subscription of inventory is new or changed" in notes
    again = re.search(r"tidings replay inventory --from (\S+);", notes)
    assert again
    assert now() - 120_000 < from_rfc3339(again[1]) < now() - 59_000


def test_a_replay_that_waits_for_a_new_subscription_need_not_run_again(
    driver: CliDriver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    effective = now() + 1_000
    monkeypatch.setattr("ops.replay.run.LOCAL_DELAYS", Delays(depth=0, index=0, filter_policy=900))
    monkeypatch.setattr("ops.replay.run.effective_since", lambda _client, _stack, _delay: effective)
    driver.replay("inventory", wait=True)
    assert now() >= effective
    assert "--wait" not in capsys.readouterr().err


def snapshot(cloud: Cloud) -> dict[str, Any]:
    """Return all entities, charges and e-mails."""
    tables = {name: cloud.items(cloud.table(name)) for name in cloud.services}
    return {name: sorted(map(repr, items)) for name, items in tables.items()} | {
        "payments": sorted(map(repr, cloud.payments())),
        "mails": [(mail.subject, mail.destinations) for mail in cloud.mails()],
    }


def test_all_events_replayed_twice_to_every_consumer_that_admits_it_arrive_and_change_nothing(
    shop: Shop, driver: CliDriver
) -> None:
    cloud = shop.cloud
    shop.stock("mug", 20)
    orders = [shop.place(("mug", 2), method=method) for method in ("pm_card_visa", "pm_card_declined", "pm_card_visa")]
    cloud.drain()
    shop.cancel(orders[0])
    cloud.drain()
    before = snapshot(cloud)
    types = Counter(event["type"] for order in orders for event in shop.timeline(order))
    for _ in range(2):
        for service in sorted(set(cloud.consumers) - {"history", "live"}):
            driver.replay(service, start="2026-01-01")
            arrived = waiting(cloud, service)
            assert arrived == sum(types[name] for name in subscribed(service, types)), service
            while cloud.deliver(service):
                pass
            assert waiting(cloud, service) == 0
            assert cloud.dead_letters(service) == []
    assert snapshot(cloud) == before
    cloud.drain()
    assert snapshot(cloud) == before


def waiting(cloud: Cloud, service: str) -> int:
    attributes = cloud.sqs.get_queue_attributes(
        QueueUrl=cloud.queue(service), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def subscribed(service: str, known: Collection[str]) -> set[str]:
    """Return the event types that a service is subscribed to: the known ones if it receives every event."""
    options = ReplayOptions(consumer=service, start="2026-01-01")
    found = options.checked_service()
    return set(known) if found.subscribes_to_all else {contract.__name__ for contract in found.contracts}
