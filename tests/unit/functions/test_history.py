import random
import uuid
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from msgspec import Raw

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.price_changed import PriceChanged
from contracts.orders.product_listed import ProductListed
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from functions.history import buckets
from functions.history.api import Api
from functions.history.client import HistoryClient
from functions.history.log import MAX_MONTHS, Log
from functions.history.service import service
from functions.history.timeline import ProductTimeline, Timeline, customer, timeline
from tests.unit.facts import NOON_MILLIS, ORDER, fact, order_id, order_placed
from tidings.core.contract import Contract
from tidings.core.event import Event, encode, with_data
from tidings.http.problems import Problem
from tidings.recovery import LoggedEvent, UnreadableEvent
from tidings.testing import InlineExecutor, VirtualClock, given, make_event, make_request


def recorded(data: Any, n: int, at: int, cause: str | None = None) -> Event[Raw]:
    """An event as the log returns it, `at` milliseconds after noon."""
    text = encode(fact(data, n=n, time=NOON_MILLIS + at, cause=cause))
    return msgspec.json.decode(text, type=Event[Raw])


PLACED = recorded(order_placed(), 1, 0)
RESERVED = recorded(StockReserved(lines=()), 1, 40, PLACED.id)
CAPTURED = recorded(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")), 1, 40, PLACED.id)
FLAGGED = recorded(OrderFlagged(rules=("many_orders",)), 1, 900, PLACED.id)
CANCELLED = recorded(OrderCancelled(reason="fraud"), 2, 1100, FLAGGED.id)
EVENTS = [PLACED, RESERVED, CAPTURED, FLAGGED, CANCELLED]


def shown(events: list[Event[Raw]], *, operator: bool = False) -> Timeline:
    return timeline(ORDER, events, operator=operator)


def test_a_timeline_is_in_causal_sequence_however_the_events_were_recorded(rng: random.Random) -> None:
    for _ in range(50):
        events = rng.sample(EVENTS, len(EVENTS))
        ids = [event.id for event in shown(events).events]
        causes = [event.causationid for event in shown(events).events]
        assert all(cause is None or ids.index(cause) < n for n, cause in enumerate(causes))
        assert ids == [event.id for event in shown(EVENTS).events]


def test_a_delay_is_the_time_since_the_cause() -> None:
    delays = {event.id: event.delay_ms for event in shown(EVENTS).events}
    assert delays == {PLACED.id: None, RESERVED.id: 40, CAPTURED.id: 40, FLAGGED.id: 900, CANCELLED.id: 200}


def test_an_event_whose_cause_is_not_recorded_has_no_delay() -> None:
    (event,) = shown([CANCELLED]).events
    assert (event.causationid, event.delay_ms) == (FLAGGED.id, None)


def test_an_event_is_shown_with_its_data() -> None:
    event = next(event for event in shown(EVENTS).events if event.id == CAPTURED.id)
    assert (event.type, event.source) == ("PaymentCaptured", "payment")
    assert event.data == CAPTURED.data


def test_only_operators_see_the_rules_by_which_an_order_was_flagged() -> None:
    (for_customers,) = shown([FLAGGED]).events
    (for_operators,) = shown([FLAGGED], operator=True).events
    assert b"many_orders" not in bytes(for_customers.data)
    assert b"many_orders" in bytes(for_operators.data)


def test_an_orders_customer_is_named_by_its_placing() -> None:
    assert customer(EVENTS) == "customer-1"
    assert customer([CAPTURED]) is None


def test_an_event_is_shown_and_read_however_its_numbers_are_written() -> None:
    text = encode(fact(order_placed())).replace('"quantity":2', '"quantity":2.0')
    placed = msgspec.json.decode(text, type=Event[Raw])
    assert customer([placed]) == "customer-1"
    assert b'"quantity":2.0' in bytes(shown([placed]).events[0].data)


class MemoryLog(Log):
    """A log in memory."""

    def __init__(self, *events: Event[Raw]) -> None:
        self._events = events

    def events(self, subject: str) -> Iterator[Event[Raw]]:
        return (event for event in self._events if event.subject == subject)

    def months(self, sku: str, before: str) -> tuple[str, ...]:
        found = {event.subject for event in self._events if event.subject.startswith(f"{sku}:")}
        return tuple(sorted((month for month in found if month < before), reverse=True)[:MAX_MONTHS])


def ask(*events: Event[Raw], caller: str = "customer-1", order: str = ORDER) -> Timeline:
    return Api(MemoryLog(*events)).show(make_request({"id": order}, caller=caller))


def ask_as_operator(*events: Event[Raw]) -> Timeline:
    return Api(MemoryLog(*events)).show_any(make_request({"id": ORDER}, caller="operator-1"))


def test_a_customer_sees_the_timeline_of_an_own_order() -> None:
    answer = ask(*EVENTS)
    assert answer.order_id == ORDER
    assert len(answer.events) == len(EVENTS)


def test_an_operator_sees_the_timeline_of_any_order() -> None:
    assert len(ask_as_operator(*EVENTS).events) == len(EVENTS)
    assert len(ask_as_operator(CAPTURED).events) == 1


def test_an_order_without_recorded_events_does_not_exist_for_operators_yet() -> None:
    with pytest.raises(Problem) as refusal:
        ask_as_operator()
    assert refusal.value.rule.status == 404
    assert refusal.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    ("events", "caller"),
    [((), "customer-1"), (EVENTS, "customer-2"), ((CAPTURED, RESERVED), "customer-1")],
    ids=["unknown", "of another customer", "placing not recorded"],
)
def test_for_anyone_else_the_order_does_not_exist_yet(events: tuple[Event[Raw], ...], caller: str) -> None:
    with pytest.raises(Problem) as refusal:
        ask(*events, caller=caller)
    assert refusal.value.rule.status == 404
    assert refusal.value.headers == {"Retry-After": "1"}


# Products


def change(data: Contract, month: str, n: int, sku: str = "mug") -> Event[Raw]:
    """The n-th event of its producer about a product in a month, as the log returns it."""
    text = encode(make_event(data, subject=f"{sku}:{month}", number=n, time=f"{month}-01T12:00:0{n}.000Z"))
    return msgspec.json.decode(text, type=Event[Raw])


COUNTED = StockAdjusted(difference=1, on_hand=1)
DEARER = PriceChanged(price=Money(1300, "EUR"))


def changes(log: Log, **query: Any) -> ProductTimeline:
    return Api(log).show_product(make_request({"sku": "mug"}, query=query, caller="operator-1"))


def test_a_products_timeline_shows_the_changes_by_all_services_latest_first() -> None:
    listed = change(ProductListed(name="Mug", price=Money(1000, "EUR")), "2025-12", 1)
    events = [listed, change(COUNTED, "2025-12", 2), change(DEARER, "2026-01", 1), change(COUNTED, "2026-01", 3)]
    answer = changes(
        MemoryLog(*events, change(COUNTED, "2026-01", 1, sku="mug-2"), change(COUNTED, "2026-01", 1, "mu"))
    )
    assert [event.id for event in answer.events] == [
        "inventory/mug:2026-01/3",
        "orders/mug:2026-01/1",
        "inventory/mug:2025-12/2",
        "orders/mug:2025-12/1",
    ]
    assert (answer.sku, answer.next) == ("mug", None)
    assert (answer.events[-1].type, answer.events[-1].data) == ("ProductListed", listed.data)


def test_a_product_without_recorded_changes_has_an_empty_timeline() -> None:
    assert changes(MemoryLog(PLACED)) == ProductTimeline("mug", (), None)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 59, 60, 61])
def test_the_pages_of_a_products_timeline_follow_each_other_without_gaps(limit: int) -> None:
    months = [f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13) if month % 5]
    events = [change(data, month, n) for month in months for data in (COUNTED, DEARER) for n in (1, 2)]
    log, seen, query = MemoryLog(*events), list[str](), dict[str, Any](limit=limit)
    while True:
        page = changes(log, **query)
        assert 0 < len(page.events) <= limit
        seen += [event.id for event in page.events]
        if page.next is None:
            break
        query["cursor"] = page.next
    assert seen == [event.id for event in sorted(events, key=lambda each: (each.time, each.id), reverse=True)]


class WatchedLog(MemoryLog):
    """A log that notes whose events are read."""

    def __init__(self, *events: Event[Raw]) -> None:
        super().__init__(*events)
        self.read: list[str] = []

    def events(self, subject: str) -> Iterator[Event[Raw]]:
        self.read.append(subject)
        return super().events(subject)


def test_a_page_reads_no_more_months_than_it_needs() -> None:
    log = WatchedLog(*(change(COUNTED, f"2025-{month:02}", 1) for month in range(1, 13)))
    changes(log, limit=2)
    assert log.read == ["mug:2025-12", "mug:2025-11", "mug:2025-10"]


def test_a_products_timeline_refuses_the_cursor_of_another_products() -> None:
    log = MemoryLog(*(change(COUNTED, "2026-01", n) for n in (1, 2)))
    cursor = changes(log, limit=1).next
    with pytest.raises(Problem) as refusal:
        Api(log).show_product(make_request({"sku": "pen"}, query={"cursor": cursor}, caller="operator-1"))
    assert refusal.value.rule.status == 422


def test_a_products_month_is_listed_once_before_its_first_event() -> None:
    client = StubClient()
    log = Log(cast(Any, client), "history", VirtualClock())
    for event in (change(COUNTED, "2026-01", 1), change(DEARER, "2026-01", 1), change(COUNTED, "2026-02", 1)):
        log.record(with_data(event, encode(event)))
    assert [(item["pk"]["S"], item["id"]["S"]) for item in client.items[1:]] == [
        ("#months#mug", "mug:2026-01"),
        ("mug:2026-01", "inventory/mug:2026-01/1"),
        ("mug:2026-01", "orders/mug:2026-01/1"),
        ("#months#mug", "mug:2026-02"),
        ("mug:2026-02", "inventory/mug:2026-02/1"),
    ]


@pytest.mark.parametrize("order", [order_id(2), order_id(3)])
def test_another_customers_order_looks_like_one_that_does_not_exist(order: str) -> None:
    with pytest.raises(Problem) as existing:
        ask(*EVENTS, caller="customer-2")
    with pytest.raises(Problem) as missing:
        ask(*EVENTS, caller="customer-2", order=order)
    assert str(existing.value) == str(missing.value)


def test_a_bucket_is_an_hour_and_a_shard() -> None:
    placed = buckets.log_entry(PLACED, "2026-01-31T12:59:59.999Z")
    shard = buckets.shard_of(ORDER, buckets.SHARDS)
    assert placed == {
        "bucket": f"2026-01-31T12#{shard}",
        "position": f"2026-01-31T12:59:59.999Z/{PLACED.id}",
    }
    assert placed["bucket"] in buckets.buckets("2026-01-31T12", buckets.SHARDS)


def test_an_orders_events_of_an_hour_are_in_one_bucket() -> None:
    found = {buckets.log_entry(event, f"2026-01-31T12:00:0{n}.000Z")["bucket"] for n, event in enumerate(EVENTS)}
    assert len(found) == 1


def test_orders_are_spread_over_all_shards() -> None:
    shards = Counter(buckets.shard_of(str(uuid.UUID(int=n)), 8) for n in range(8_000))
    assert set(shards) == set(range(8))
    assert max(shards.values()) < 1_200


def test_a_bare_time_sorts_before_every_position_at_that_time() -> None:
    time, next_time = "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z"
    assert time < buckets.log_position(time, PLACED.id) < next_time


class StubClient:
    """The part of DynamoDB's client that the log calls to record an event. It fails if a test says so."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=type("ConditionFailed", (Exception,), {}))

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.fails = False

    def put_item(self, **request: Any) -> None:
        if self.fails:
            raise TimeoutError("no answer")
        self.items.append(request["Item"])


def test_an_hour_is_stored_once_before_its_first_event_and_again_if_that_failed() -> None:
    client, clock = StubClient(), VirtualClock()
    cancelled, captured, reserved = (with_data(event, encode(event)) for event in (CANCELLED, CAPTURED, RESERVED))
    log = Log(cast(Any, client), "history", clock)
    client.fails = True
    with pytest.raises(TimeoutError):
        log.record(cancelled)
    client.fails = False
    log.record(cancelled)
    log.record(captured)
    clock.advance(seconds=3600)
    log.record(reserved)
    assert [item["id"]["S"] for item in client.items] == [
        "2026-01-31T12",
        CANCELLED.id,
        CAPTURED.id,
        "2026-01-31T13",
        RESERVED.id,
    ]
    assert client.items[0] == {"pk": {"S": "#hours"}, "id": {"S": "2026-01-31T12"}, "shards": {"N": "8"}}


RECORDED = "2026-01-31T12:00:00.000Z"
ADDRESS = "Elm Street"


def item(of: Event[Raw], text: str | None = None, **attributes: dict[str, str]) -> dict[str, Any]:
    """An event's item in history's table, with another text if one is given."""
    entry = {name: {"S": value} for name, value in buckets.log_entry(of, RECORDED).items()}
    return {"pk": {"S": ORDER}, "id": {"S": of.id}, "event": {"S": text or encode(of)}} | entry | attributes


def bad_items() -> list[dict[str, Any]]:
    """Items whose text is no event, or which have no text, each with another id."""
    text = encode(PLACED)
    texts = {
        "in another time zone": text.replace(PLACED.time, "2026-01-31T13:00:00+01:00"),
        "on no day": text.replace(PLACED.time, "2026-02-31T12:00:00.000Z"),
        "without a type": text.replace('"type"', f'"{ADDRESS}"', 1),
        "not JSON": ADDRESS,
        "too deep": "[" * 100_000,
        "of another subject": text.replace(f'"subject":"{ORDER}"', '"subject":7'),
    }
    items = [item(PLACED, text, id={"S": name}) for name, text in texts.items()]
    without_text = item(PLACED, id={"S": "without a text"})
    del without_text["event"]
    return [*items, without_text, item(PLACED, id={"S": "of another kind"}, event={"N": "1"})]


class ItemsClient:
    """The part of DynamoDB's client that reads a table or its index as one page."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def get_paginator(self, _name: str) -> "ItemsClient":
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        values = request["ExpressionAttributeValues"]
        assert values.get(":first", {"S": ""})["S"] <= values.get(":last", {"S": ""})["S"]
        hours = values.get(":hours")
        return [{"Items": [{"id": {"S": RECORDED[:13]}, "shards": {"N": "1"}}] if hours else self.items}]

    def query(self, **request: Any) -> dict[str, Any]:
        # DynamoDB refuses BETWEEN with bounds in the other sequence.
        assert request["ExpressionAttributeValues"][":start"]["S"] <= request["ExpressionAttributeValues"][":end"]["S"]
        return {"Items": sorted(self.items, key=lambda each: str(each["position"]["S"]))}


@pytest.mark.parametrize("bad", bad_items(), ids=lambda bad: bad["id"]["S"])
def test_an_item_that_holds_no_event_is_left_out_of_a_timeline_and_logged_without_its_data(
    bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    client: Any = ItemsClient(item(CAPTURED), bad, item(RESERVED))
    answer = Api(Log(client, "history")).show_any(make_request({"id": ORDER}, caller="operator-1"))
    assert [event.id for event in answer.events] == [RESERVED.id, CAPTURED.id]
    (record,) = caplog.records
    assert vars(record)["event_id"] == bad["id"]["S"]
    assert ADDRESS not in str(vars(record))


def test_an_order_whose_placing_does_not_say_whose_it_is_is_shown_to_operators_only() -> None:
    placed = msgspec.structs.replace(PLACED, data=Raw(b"{}"))
    assert len(ask_as_operator(placed, CAPTURED).events) == 2
    with pytest.raises(Problem) as refusal:
        ask(placed, CAPTURED)
    assert refusal.value.rule.status == 404


def history(*items: dict[str, Any]) -> HistoryClient:
    client: Any = ItemsClient(*items)
    return HistoryClient(client, "history", "1", "by-time", InlineExecutor())


@pytest.mark.parametrize("bad", bad_items(), ids=lambda bad: bad["id"]["S"])
def test_a_reader_of_the_log_reports_an_item_that_holds_no_event_and_goes_on(bad: dict[str, Any]) -> None:
    log = history(item(CAPTURED), bad, item(RESERVED))
    for records in (log.read(RECORDED, "2026-01-31T13:00:00.000Z"), log.read_entity(ORDER)):
        found = list(records)
        assert sorted(each.event.id for each in found if isinstance(each, LoggedEvent)) == [RESERVED.id, CAPTURED.id]
        (unreadable,) = (each for each in found if isinstance(each, UnreadableEvent))
        assert (unreadable.id, unreadable.position) == (bad["id"]["S"], bad["position"]["S"])
        assert unreadable.reason


@pytest.mark.parametrize("end", ["2026-01-31T12:00:00.000Z", "2026-01-31T11:59:59.999Z"])
def test_the_log_holds_nothing_between_a_time_and_an_earlier_one(end: str) -> None:
    assert list(history(item(CAPTURED)).read("2026-01-31T12:00:00.001Z", end)) == []


def test_an_item_whose_position_names_no_time_is_no_readable_event() -> None:
    lost = item(CAPTURED)
    del lost["position"]
    wrong = item(RESERVED, position={"S": "by hand"})
    found = history(lost, wrong).read_entity(ORDER)
    assert [(each.id, each.position) for each in found if isinstance(each, UnreadableEvent)] == [
        (CAPTURED.id, ""),
        (RESERVED.id, "by hand"),
    ]


def test_an_event_of_any_contract_is_recorded_word_for_word() -> None:
    recorded: list[tuple[str, str]] = []
    body = encode(PLACED).replace('"OrderPlaced"', '"NeverHeardOf"').replace("{", '{"extra": 1, ', 1)
    scenario = given(service, receive=lambda event: recorded.append((event.id, event.data)))
    scenario.when_batch(body).then()
    assert recorded == [(PLACED.id, body)]
