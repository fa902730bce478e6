from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest

from functions.orders.reactions import (
    Order,
    Status,
    Summary,
    cancel,
    dispatched,
    flagged,
    listing,
    payment_captured,
    payment_failed,
    place,
    stock_rejected,
    stock_reserved,
)
from functions.orders.service import service
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_placed
from tests.unit.memory import MemoryTable
from tidings.contracts import (
    CancellationReason,
    Money,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderFlagged,
    PaymentCaptured,
    PaymentFailed,
    Shortage,
    StockRejected,
    StockReserved,
)
from tidings.decisions import Commit, Decision, Ignore
from tidings.errors import PermanentError
from tidings.events import decode, encode
from tidings.item import Cause, Item
from tidings.reactor import Reactor

ORDERED = order_placed()
CAPTURED = fact(PaymentCaptured(payment="pay_1", amount=ORDERED.total), source="payment")
FAILED = fact(PaymentFailed(code="card_declined"), source="payment")
RESERVED = fact(StockReserved(lines=()), source="inventory")
REJECTED = fact(StockRejected(short=(Shortage("tea", 2, 1), Shortage("cup", 1, 0))), source="inventory")
FLAGGED = fact(OrderFlagged(rules=("many_orders",)), source="fraud")
DISPATCHED = fact(OrderDispatched(), source="warehouse")

PENDING = Order()
PAID = Order(paid=True)
SET_ASIDE = Order(reserved=True)
CONFIRMED = Order("CONFIRMED", paid=True, reserved=True)
SENT = Order("DISPATCHED", paid=True, reserved=True)
OFF = Order("CANCELLED", reason="customer")
CONFIRMATION = OrderConfirmed(
    customer=ORDERED.customer,
    lines=ORDERED.lines,
    total=ORDERED.total,
    email=ORDERED.email,
    address=ORDERED.address,
)

React = Callable[[Item[Order], Any, Any], Decision[Order]]
REACTIONS: list[tuple[React, Any]] = [
    (payment_captured, CAPTURED),
    (payment_failed, FAILED),
    (stock_reserved, RESERVED),
    (stock_rejected, REJECTED),
    (flagged, FLAGGED),
    (dispatched, DISPATCHED),
]


def item(state: Order) -> Item[Order]:
    return Item(ORDER, version=1, state=state, events=(encode(fact(ORDERED)),))


def off(reason: CancellationReason, detail: str, before: Order) -> Commit[Order]:
    after = Order("CANCELLED", before.paid, before.reserved, reason)
    return Commit(after, (OrderCancelled(reason=reason, detail=detail),))


# Placing


def test_an_order_that_is_placed_is_announced() -> None:
    assert place(Item(ORDER), ORDERED) == Commit(PENDING, (ORDERED,))


@pytest.mark.parametrize("state", [PENDING, CONFIRMED, SENT, OFF])
def test_an_order_is_placed_once(state: Order) -> None:
    assert place(item(state), ORDERED) == Ignore()


# Confirming


@pytest.mark.parametrize(
    ("react", "event", "after"), [(payment_captured, CAPTURED, PAID), (stock_reserved, RESERVED, SET_ASIDE)]
)
def test_one_of_two_is_waited_for(react: React, event: Any, after: Order) -> None:
    assert react(item(PENDING), event, None) == Commit(after)


@pytest.mark.parametrize(
    ("react", "event", "before"), [(payment_captured, CAPTURED, SET_ASIDE), (stock_reserved, RESERVED, PAID)]
)
def test_paid_and_reserved_it_is_confirmed_and_the_confirmation_carries_the_order(
    react: React, event: Any, before: Order
) -> None:
    assert react(item(before), event, None) == Commit(CONFIRMED, (CONFIRMATION,))


@pytest.mark.parametrize("state", [CONFIRMED, SENT, OFF])
@pytest.mark.parametrize(("react", "event"), [(payment_captured, CAPTURED), (stock_reserved, RESERVED)])
def test_what_is_decided_is_not_confirmed_again(react: React, event: Any, state: Order) -> None:
    assert react(item(state), event, None) == Ignore()


# Cancelling


@pytest.mark.parametrize("before", [PENDING, PAID, SET_ASIDE, CONFIRMED])
@pytest.mark.parametrize(
    ("react", "event", "reason", "detail"),
    [
        (payment_failed, FAILED, "payment_failed", "card_declined"),
        (stock_rejected, REJECTED, "out_of_stock", "tea, cup"),
        (flagged, FLAGGED, "fraud", ""),
    ],
)
def test_before_it_is_dispatched_an_order_may_be_off(
    react: React, event: Any, reason: CancellationReason, detail: str, before: Order
) -> None:
    assert react(item(before), event, None) == off(reason, detail, before)


@pytest.mark.parametrize("before", [PENDING, PAID, SET_ASIDE, CONFIRMED])
def test_before_it_is_dispatched_its_customer_may_cancel_it(before: Order) -> None:
    assert cancel(item(before), "customer") == off("customer", "", before)


@pytest.mark.parametrize("state", [SENT, OFF])
@pytest.mark.parametrize(("react", "event"), [(payment_failed, FAILED), (stock_rejected, REJECTED), (flagged, FLAGGED)])
def test_what_is_gone_or_off_is_not_cancelled(react: React, event: Any, state: Order) -> None:
    assert react(item(state), event, None) == Ignore()
    assert cancel(item(state), "customer") == Ignore()


def test_a_long_list_of_shortages_fits_the_contract() -> None:
    short = tuple(Shortage(f"{n:064d}", 1, 0) for n in range(50))
    decision = stock_rejected(item(PENDING), fact(StockRejected(short=short), source="inventory"), None)
    assert isinstance(decision, Commit)
    (announcement,) = decision.announce
    assert msgspec.json.decode(msgspec.json.encode(announcement), type=OrderCancelled) == announcement


# Dispatching


@pytest.mark.parametrize("before", [PENDING, PAID, CONFIRMED])
def test_what_is_dispatched_is_gone(before: Order) -> None:
    decision = dispatched(item(before), DISPATCHED, None)
    assert decision == Commit(Order("DISPATCHED", before.paid, before.reserved))


@pytest.mark.parametrize("state", [SENT, OFF])
def test_a_dispatch_changes_nothing_of_what_is_gone_or_off(state: Order) -> None:
    assert dispatched(item(state), DISPATCHED, None) == Ignore()


# Any


@pytest.mark.parametrize(("react", "event"), REACTIONS)
def test_of_an_order_that_was_never_placed_nothing_can_be_decided(react: React, event: Any) -> None:
    with pytest.raises(PermanentError) as refusal:
        react(Item(ORDER), event, None)
    assert refusal.value.reason == "unknown-order"


def test_whatever_it_subscribes_to_is_decided() -> None:
    assert {type(event.data) for _, event in REACTIONS} == set(service.reactions)


@pytest.mark.parametrize("events", list(permutations([CAPTURED, RESERVED, FLAGGED, DISPATCHED])))
def test_in_whatever_order_an_order_has_one_end(events: tuple[Any, ...]) -> None:
    table = MemoryTable()
    order = Reactor(service, table, clock=lambda: NOON_MILLIS).order(ORDER)
    order.settle(lambda item, _: place(item, ORDERED), Cause("request-1", TRACE, NOON_MILLIS))
    for event in (*events, *events):
        order.react(event, 0)
    end = order.read()
    types = [decode(event).type for event in end.events]
    assert end.state
    assert (end.state.status == "CANCELLED") == ("OrderCancelled" in types)
    assert len(types) == len(set(types))


# The list


def listed(status: Status, time: str = "2026-01-31T12:00:00.000Z", order: str = ORDER) -> dict[str, str]:
    placed = encode(fact(ORDERED, time=time, order=order))
    return dict(listing(Item(order, version=1, state=Order(status), events=(placed,))))


def test_an_order_is_listed_with_its_customers() -> None:
    assert listed("PENDING")["owner"] == f"customer#{ORDERED.customer}"


def test_a_customers_orders_sort_by_when_they_were_placed() -> None:
    times = ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z", "2026-02-01T00:00:00.000Z"]
    ranks = [listed("PENDING", time, order)["rank"] for time, order in zip(times, "cba", strict=True)]
    assert ranks == sorted(ranks)


def test_an_orders_place_in_the_list_does_not_change() -> None:
    assert listed("PENDING")["rank"] == listed("DISPATCHED")["rank"]


def test_the_list_shows_how_an_order_stands() -> None:
    summary = msgspec.json.decode(listed("CANCELLED")["summary"], type=Summary)
    assert summary == Summary(ORDER, "CANCELLED", Money(2000, "EUR"), "2026-01-31T12:00:00.000Z")
