import random
import uuid
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import UNSET, Raw

from functions.history import buckets
from functions.history.api import Api
from functions.history.log import Log
from functions.history.timeline import Timeline, customer, timeline
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_placed
from tidings.contracts import Money, OrderCancelled, OrderFlagged, PaymentCaptured, StockReserved
from tidings.events import Event, decode, encode, with_data
from tidings.routes import Caller, Problem, Request


def recorded(data: Any, source: str, n: int, at: int, cause: str | None = None) -> Event[Raw]:
    """An event as the log has it, so many milliseconds after noon."""
    time = f"2026-01-31T12:00:{at // 1000:02d}.{at % 1000:03d}Z"
    return decode(encode(fact(data, source=source, n=n, time=time, cause=cause or UNSET)))


PLACED = recorded(order_placed(), "orders", 1, 0)
RESERVED = recorded(StockReserved(lines=()), "inventory", 1, 40, PLACED.id)
CAPTURED = recorded(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")), "payment", 1, 40, PLACED.id)
FLAGGED = recorded(OrderFlagged(rules=("many_orders",)), "fraud", 1, 900, PLACED.id)
CANCELLED = recorded(OrderCancelled(reason="fraud"), "orders", 2, 1100, FLAGGED.id)
EVENTS = [PLACED, RESERVED, CAPTURED, FLAGGED, CANCELLED]


def shown(events: list[Event[Raw]], *, operator: bool = False) -> Timeline:
    return timeline(ORDER, events, operator=operator)


def test_events_stand_in_causal_order_however_they_were_recorded(chance: random.Random) -> None:
    for _ in range(50):
        events = chance.sample(EVENTS, len(EVENTS))
        ids = [event.id for event in shown(events).events]
        causes = [event.causationid for event in shown(events).events]
        assert all(cause is None or ids.index(cause) < n for n, cause in enumerate(causes))
        assert ids == [event.id for event in shown(EVENTS).events]


def test_a_delay_is_the_time_since_the_cause() -> None:
    delays = {event.id: event.delay_ms for event in shown(EVENTS).events}
    assert delays == {PLACED.id: None, RESERVED.id: 40, CAPTURED.id: 40, FLAGGED.id: 900, CANCELLED.id: 200}


def test_where_the_cause_is_not_known_no_delay_is() -> None:
    (event,) = shown([CANCELLED]).events
    assert (event.causationid, event.delay_ms) == (FLAGGED.id, None)


def test_an_event_is_shown_with_all_that_it_says() -> None:
    event = next(event for event in shown(EVENTS).events if event.id == CAPTURED.id)
    assert (event.type, event.source, event.sequence) == ("PaymentCaptured", "payment", 1)
    assert event.data == CAPTURED.data


def test_by_which_rules_an_order_was_flagged_only_operators_see() -> None:
    (for_customers,) = shown([FLAGGED]).events
    (for_operators,) = shown([FLAGGED], operator=True).events
    assert b"many_orders" not in bytes(for_customers.data)
    assert b"many_orders" in bytes(for_operators.data)


def test_the_customer_is_who_placed_the_order() -> None:
    assert customer(EVENTS) == "customer-1"
    assert customer([CAPTURED]) is None


class MemoryLog(Log):
    """A log in memory."""

    def __init__(self, *events: Event[Raw]) -> None:
        self._kept = events

    def events(self, order: str) -> Iterator[Event[Raw]]:
        return (event for event in self._kept if event.subject == order)


def ask(*events: Event[Raw], caller: str = "customer-1", operator: bool = False, order: str = ORDER) -> Timeline:
    request = Request({"id": order}, {}, {}, "request-1", TRACE, Caller(caller, operator))
    return Api(MemoryLog(*events)).show(request)


def test_a_customer_sees_its_own_order() -> None:
    answer = ask(*EVENTS)
    assert answer.order_id == ORDER
    assert len(answer.events) == len(EVENTS)


def test_an_operator_sees_any_order() -> None:
    assert len(ask(*EVENTS, caller="operator-1", operator=True).events) == len(EVENTS)
    assert len(ask(CAPTURED, caller="operator-1", operator=True).events) == 1


@pytest.mark.parametrize(
    ("events", "caller"),
    [((), "customer-1"), (EVENTS, "customer-2"), ((CAPTURED, RESERVED), "customer-1")],
    ids=["unheard of", "another's", "not heard of its placing"],
)
def test_to_anyone_else_it_does_not_exist_yet(events: tuple[Event[Raw], ...], caller: str) -> None:
    with pytest.raises(Problem) as refusal:
        ask(*events, caller=caller)
    assert refusal.value.status == 404
    assert refusal.value.headers == {"Retry-After": "1"}


def test_anothers_order_looks_like_one_that_never_was() -> None:
    with pytest.raises(Problem) as anothers:
        ask(*EVENTS, caller="customer-2")
    with pytest.raises(Problem) as nobodys:
        ask(*EVENTS, caller="customer-2", order="order-2")
    assert str(anothers.value) == str(nobodys.value)


def test_a_bucket_is_an_hour_and_a_shard() -> None:
    placed = buckets.entry(buckets.Recording(PLACED, "2026-01-31T12:59:59.999Z"))
    shard = buckets.shard_of(ORDER, buckets.SHARDS)
    assert placed == {
        "bucket": f"2026-01-31T12#{shard}",
        "moment": f"2026-01-31T12:59:59.999Z/{PLACED.id}",
    }
    assert placed["bucket"] in buckets.buckets("2026-01-31T12", buckets.SHARDS)


def test_an_orders_events_of_an_hour_are_in_one_bucket() -> None:
    found = {
        buckets.entry(buckets.Recording(event, f"2026-01-31T12:00:0{n}.000Z"))["bucket"]
        for n, event in enumerate(EVENTS)
    }
    assert len(found) == 1


def test_orders_are_spread_over_all_shards() -> None:
    shards = Counter(buckets.shard_of(str(uuid.UUID(int=n)), 8) for n in range(8_000))
    assert set(shards) == set(range(8))
    assert max(shards.values()) < 1_200


def test_a_bare_time_sorts_before_all_that_was_recorded_at_it() -> None:
    time, next_time = "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z"
    assert time < buckets.moment(time, PLACED.id) < next_time


class Puts:
    """A client that keeps what is put, and may refuse it once."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=type("Refused", (Exception,), {}))

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.refuses = False

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> None:  # noqa: N803 - boto3's name
        if self.refuses:
            raise TimeoutError
        self.items.append(Item)


def test_an_hour_is_opened_once_before_its_first_event_and_again_where_that_failed() -> None:
    client, time = Puts(), NOON_MILLIS
    placed, captured, reserved = (with_data(event, encode(event)) for event in (PLACED, CAPTURED, RESERVED))
    log = Log(client, "history", clock=lambda: time)  # type: ignore[arg-type]  # as much of a client as it uses
    client.refuses = True
    with pytest.raises(TimeoutError):
        log.record(placed, 0)
    client.refuses = False
    log.record(placed, 0)
    log.record(captured, 0)
    time += 3_600_000
    log.record(reserved, 0)
    assert [item["id"]["S"] for item in client.items] == [
        "2026-01-31T12",
        PLACED.id,
        CAPTURED.id,
        "2026-01-31T13",
        RESERVED.id,
    ]
    assert client.items[0] == {"pk": {"S": "hours"}, "id": {"S": "2026-01-31T12"}, "shards": {"N": "8"}}
