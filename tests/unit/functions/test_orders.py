from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import CancellationReason, OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.goods import Shortage
from contracts.values.money import Money
from contracts.values.recipient import Destination
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.orders.handlers import (
    DisputeStatus,
    Order,
    Status,
    Summary,
    cancel,
    cancel_on_demand,
    dispute_of,
    listing,
    on_dispute_closed,
    on_order_dispatched,
    on_order_flagged,
    on_payment_action_required,
    on_payment_authorized,
    on_payment_disputed,
    on_payment_failed,
    on_payment_not_needed,
    on_stock_rejected,
    on_stock_reserved,
    place,
    waiting_for,
)
from functions.orders.service import service
from tests.unit.facts import HOME, ORDER, RECIPIENT, fact, order_placed
from tidings.core.contract import Announcement
from tidings.core.decisions import Decision, Reject, Save, Skip
from tidings.core.entity import Entity, OutboxEvent
from tidings.core.errors import PermanentError
from tidings.core.event import Event, encode
from tidings.testing import Execute, given

ORDERED = order_placed()
PLACING = Announcement(ORDERED, RECIPIENT)
ACTION_REQUIRED = fact(PaymentActionRequired(payment="pay_1", amount=ORDERED.total), n=2)
AUTHORIZED = fact(PaymentAuthorized(payment="pay_1", amount=ORDERED.total))
NOT_NEEDED = fact(PaymentNotNeeded(amount=Money(0, "EUR")))
FAILED = fact(PaymentFailed(amount=ORDERED.total, code="card_declined"))
RESERVED = fact(StockReserved(lines=()))
REJECTED = fact(StockRejected(short=(Shortage("tea", 2, 1), Shortage("cup", 1, 0))))
FLAGGED = fact(OrderFlagged(rules=("many_orders",)))
ERASED = fact(PersonalDataErased(reason="customer"))
DISPATCHED = fact(OrderDispatched())


def disputed(name: str = "dp_1", n: int = 1) -> Event[PaymentDisputed]:
    return fact(PaymentDisputed(payment="pay_1", dispute=name, amount=ORDERED.total, reason="fraudulent"), n=n)


def closed(outcome: Any, name: str = "dp_1", n: int = 2) -> Event[DisputeClosed]:
    return fact(DisputeClosed(payment="pay_1", dispute=name, amount=ORDERED.total, outcome=outcome), n=n)


PENDING = Order()
PAID = Order(paid=True)
STOCKED = Order(reserved=True)
CONFIRMED = Order("CONFIRMED", paid=True, reserved=True)
SENT = Order("DISPATCHED", paid=True, reserved=True)
CANCELLED = Order("CANCELLED", reason="customer")
CONFIRMATION = OrderConfirmed(
    customer=ORDERED.customer,
    lines=ORDERED.lines,
    total=ORDERED.total,
)

Handler = Callable[[Entity[Order], Event[Any]], Decision[Order]]
HANDLED: list[tuple[Handler, Event[Any]]] = [
    (on_payment_action_required, ACTION_REQUIRED),
    (on_payment_authorized, AUTHORIZED),
    (on_payment_not_needed, NOT_NEEDED),
    (on_payment_failed, FAILED),
    (on_payment_disputed, disputed()),
    (on_dispute_closed, closed("won")),
    (on_stock_reserved, RESERVED),
    (on_stock_rejected, REJECTED),
    (on_order_flagged, FLAGGED),
    (on_order_dispatched, DISPATCHED),
]


def entity(state: Order) -> Entity[Order]:
    return Entity(ORDER, version=1, state=state, outbox=(OutboxEvent.of(fact(ORDERED)),))


def cancelled(reason: CancellationReason, detail: str, before: Order) -> Save[Order]:
    after = Order("CANCELLED", before.paid, before.reserved, reason)
    return Save(after, (OrderCancelled(reason=reason, detail=detail),))


# Placing


def test_a_placed_order_is_announced() -> None:
    assert place(Entity(ORDER), PLACING) == Save(PENDING, (PLACING,))


@pytest.mark.parametrize("state", [PENDING, CONFIRMED, SENT, CANCELLED])
def test_an_order_is_placed_once(state: Order) -> None:
    assert place(entity(state), PLACING) == Skip()


# Confirming


@pytest.mark.parametrize(
    ("handler", "event", "after"),
    [
        (on_payment_authorized, AUTHORIZED, PAID),
        (on_payment_not_needed, NOT_NEEDED, PAID),
        (on_stock_reserved, RESERVED, STOCKED),
    ],
)
def test_an_order_waits_for_payment_and_stock(handler: Handler, event: Event[Any], after: Order) -> None:
    assert handler(entity(PENDING), event) == Save(after)


@pytest.mark.parametrize(
    ("handler", "event", "before"),
    [
        (on_payment_authorized, AUTHORIZED, STOCKED),
        (on_payment_not_needed, NOT_NEEDED, STOCKED),
        (on_stock_reserved, RESERVED, PAID),
    ],
)
def test_an_authorized_and_reserved_order_is_confirmed_and_the_confirmation_contains_the_order(
    handler: Handler, event: Event[Any], before: Order
) -> None:
    assert handler(entity(before), event) == Save(CONFIRMED, (Announcement(CONFIRMATION, Destination(HOME)),))


@pytest.mark.parametrize("state", [CONFIRMED, SENT, CANCELLED])
@pytest.mark.parametrize(
    ("handler", "event"),
    [(on_payment_authorized, AUTHORIZED), (on_payment_not_needed, NOT_NEEDED), (on_stock_reserved, RESERVED)],
)
def test_an_order_is_not_confirmed_twice_nor_after_its_end(handler: Handler, event: Event[Any], state: Order) -> None:
    assert handler(entity(state), event) == Skip()


# Approval


def test_an_order_waits_for_its_customers_approval_until_the_payment_is_authorized() -> None:
    assert on_payment_action_required(entity(PENDING), ACTION_REQUIRED) == Save(Order(approval=True))
    assert waiting_for(PENDING) == ("payment", "stock")
    assert waiting_for(Order(approval=True)) == ("approval", "stock")
    assert waiting_for(Order(approval=True, reserved=True)) == ("approval",)
    assert waiting_for(Order(approval=True, paid=True)) == ("stock",)


@pytest.mark.parametrize("state", [CONFIRMED, SENT, CANCELLED])
def test_an_approval_is_asked_for_in_vain_once_the_order_is_pending_no_more(state: Order) -> None:
    assert on_payment_action_required(entity(state), ACTION_REQUIRED) == Skip()
    assert waiting_for(state) == ()


@pytest.mark.parametrize("events", list(permutations([ACTION_REQUIRED, AUTHORIZED, RESERVED])))
def test_an_approved_order_is_confirmed_in_any_sequence_of_events(events: tuple[Event[Any], ...]) -> None:
    placing = Execute(ORDER, lambda order: place(order, PLACING), creates=True)
    state = given(service, placing, *events, *events).state(ORDER)
    assert state
    assert (state.status, waiting_for(state)) == ("CONFIRMED", ())


# Disputes


@pytest.mark.parametrize("state", [PENDING, PAID, CONFIRMED, SENT, CANCELLED])
def test_a_dispute_is_recorded_whatever_the_orders_status(state: Order) -> None:
    decision = on_payment_disputed(entity(state), disputed())
    assert decision == Save(msgspec.structs.replace(state, disputes={"dp_1": "open"}))
    decision = on_dispute_closed(entity(state), closed("lost"))
    assert decision == Save(msgspec.structs.replace(state, disputes={"dp_1": "lost"}))


@pytest.mark.parametrize("outcome", ["won", "lost"])
@pytest.mark.parametrize("closes_first", [True, False])
def test_in_any_sequence_of_events_a_dispute_that_ended_is_closed(outcome: DisputeStatus, closes_first: bool) -> None:
    events = (closed(outcome), disputed()) if closes_first else (disputed(), closed(outcome))
    placing = Execute(ORDER, lambda order: place(order, PLACING), creates=True)
    state = given(service, placing, *events, *events).state(ORDER)
    assert state
    assert (state.disputes, dispute_of(state)) == ({"dp_1": outcome}, outcome)


@pytest.mark.parametrize("events", list(permutations([disputed(), closed("won"), disputed("dp_2", 3)])))
def test_an_order_shows_an_open_dispute_before_one_that_ended(events: tuple[Event[Any], ...]) -> None:
    placing = Execute(ORDER, lambda order: place(order, PLACING), creates=True)
    scenario = given(service, placing, *events)
    state = scenario.state(ORDER)
    assert state
    assert dispute_of(state) == "open"
    lost = scenario.given(closed("lost", "dp_2", 4)).state(ORDER)
    assert lost
    assert dispute_of(lost) == "lost"


def test_an_order_without_a_dispute_shows_none() -> None:
    assert dispute_of(CONFIRMED) is None


# Cancelling


@pytest.mark.parametrize("before", [PENDING, PAID, STOCKED, CONFIRMED])
@pytest.mark.parametrize(
    ("handler", "event", "reason", "detail"),
    [
        (on_payment_failed, FAILED, "payment_failed", "card_declined"),
        (on_stock_rejected, REJECTED, "out_of_stock", "tea, cup"),
        (on_order_flagged, FLAGGED, "fraud", ""),
    ],
)
def test_an_order_that_is_not_dispatched_can_be_cancelled_by_an_event(
    handler: Handler, event: Event[Any], reason: CancellationReason, detail: str, before: Order
) -> None:
    assert handler(entity(before), event) == cancelled(reason, detail, before)


BY_PEOPLE: tuple[CancellationReason, ...] = ("customer", "operator")


@pytest.mark.parametrize("reason", BY_PEOPLE)
@pytest.mark.parametrize("before", [PENDING, PAID, STOCKED, CONFIRMED])
def test_an_order_that_is_not_dispatched_can_be_cancelled_on_demand(before: Order, reason: CancellationReason) -> None:
    assert cancel_on_demand(entity(before), reason) == cancelled(reason, "", before)


@pytest.mark.parametrize("reason", BY_PEOPLE)
def test_a_dispatched_order_refuses_its_cancellation(reason: CancellationReason) -> None:
    decision = cancel_on_demand(entity(SENT), reason)
    assert isinstance(decision, Reject)
    assert decision.code == "dispatched"


@pytest.mark.parametrize("reason", BY_PEOPLE)
def test_a_second_cancellation_on_demand_changes_nothing(reason: CancellationReason) -> None:
    assert cancel_on_demand(entity(CANCELLED), reason) == Skip()


@pytest.mark.parametrize("state", [SENT, CANCELLED])
@pytest.mark.parametrize(
    ("handler", "event"), [(on_payment_failed, FAILED), (on_stock_rejected, REJECTED), (on_order_flagged, FLAGGED)]
)
def test_a_dispatched_or_cancelled_order_is_not_cancelled(handler: Handler, event: Event[Any], state: Order) -> None:
    assert handler(entity(state), event) == Skip()
    assert cancel(entity(state), "customer") == Skip()


def test_a_long_list_of_shortages_fits_the_contract() -> None:
    short = tuple(Shortage(f"{n:064d}", 1, 0) for n in range(50))
    decision = on_stock_rejected(entity(PENDING), fact(StockRejected(short=short)))
    assert isinstance(decision, Save)
    (announcement,) = decision.announce
    assert msgspec.json.decode(msgspec.json.encode(announcement), type=OrderCancelled) == announcement


# Dispatching


@pytest.mark.parametrize("before", [PENDING, PAID, CONFIRMED])
def test_a_dispatch_is_recorded(before: Order) -> None:
    assert on_order_dispatched(entity(before), DISPATCHED) == Save(Order("DISPATCHED", before.paid, before.reserved))


@pytest.mark.parametrize("state", [SENT, CANCELLED])
def test_a_dispatch_changes_nothing_of_a_dispatched_or_cancelled_order(state: Order) -> None:
    assert on_order_dispatched(entity(state), DISPATCHED) == Skip()


# Any event


@pytest.mark.parametrize(("handler", "event"), HANDLED)
def test_an_event_about_an_order_that_was_never_placed_is_a_permanent_error(
    handler: Handler, event: Event[Any]
) -> None:
    with pytest.raises(PermanentError) as refusal:
        handler(Entity(ORDER), event)
    assert refusal.value.reason == "unknown-order"


def test_every_subscribed_event_is_tested_here() -> None:
    assert {type(event.data) for _, event in HANDLED} == set(service.contracts) - set(service.erased_by)


@pytest.mark.parametrize("events", list(permutations([AUTHORIZED, RESERVED, FLAGGED, DISPATCHED])))
def test_in_any_sequence_of_events_an_order_has_one_end(events: tuple[Event[Any], ...]) -> None:
    placing = Execute(ORDER, lambda order: place(order, PLACING), creates=True)
    scenario = given(service, placing, *events, *events)
    state, types = scenario.state(ORDER), [type(data) for data in scenario.announced(ORDER)]
    assert state
    assert (state.status == "CANCELLED") == (OrderCancelled in types)
    assert len(types) == len(set(types))


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.998Z", "2026-01-31T12:05:00.001Z"])
def test_an_event_from_the_future_changes_nothing_and_the_order_can_be_cancelled(time: str) -> None:
    scenario = given(service, Execute(ORDER, lambda order: place(order, PLACING), creates=True))
    outcome = scenario.when_batch(encode(fact(AUTHORIZED.data, time=time)))
    assert ([letter.reason for letter in outcome.dead_letters], outcome.writes) == (["from-the-future"], 0)
    scenario.when(Execute(ORDER, lambda entity: cancel_on_demand(entity, "customer"))).then(
        announced=[OrderCancelled(reason="customer")]
    )


@pytest.mark.parametrize("source", ["loyalty", "orders"])
def test_a_payment_that_another_service_announces_confirms_no_order(source: str) -> None:
    scenario = given(service, Execute(ORDER, lambda order: place(order, PLACING), creates=True), RESERVED)
    outcome = scenario.when_batch(encode(fact(AUTHORIZED.data, source=source)))
    assert ([letter.reason for letter in outcome.dead_letters], outcome.writes) == (["wrong-source"], 0)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"status":"CONFIRMED","paid":true,"reserved":true}', '{"status":"CANCELLED","reason":"customer"}'],
)
def test_a_state_without_approval_and_disputes_is_read(text: str) -> None:
    state = msgspec.json.decode(text, type=Order)
    assert (state.approval, state.disputes) == (False, {})
    assert msgspec.json.encode(state).decode() == text


# The list


def listed(status: Status, time: str = "2026-01-31T12:00:00.000Z", order: str = ORDER) -> dict[str, str]:
    placed = OutboxEvent.of(fact(ORDERED, time=time, order=order))
    return dict(listing(Entity(order, version=1, state=Order(status), outbox=(placed,))))


def test_an_order_is_in_its_customers_list() -> None:
    assert listed("PENDING")["owner"] == f"customer#{ORDERED.customer}"


def test_a_customers_orders_sort_by_the_time_they_were_placed() -> None:
    times = ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z", "2026-02-01T00:00:00.000Z"]
    orders = [letter * 8 + ORDER[8:] for letter in "cba"]
    ranks = [listed("PENDING", time, order)["rank"] for time, order in zip(times, orders, strict=True)]
    assert ranks == sorted(ranks)


def test_an_orders_position_in_the_list_does_not_change() -> None:
    assert listed("PENDING")["rank"] == listed("DISPATCHED")["rank"]


def test_the_list_shows_an_orders_status() -> None:
    summary = msgspec.json.decode(listed("CANCELLED")["summary"], type=Summary)
    assert summary == Summary(ORDER, "CANCELLED", Money(2000, "EUR"), "2026-01-31T12:00:00.000Z")


# Personal data

PLACED = Execute(ORDER, lambda order: place(order, PLACING), creates=True)


def test_a_confirmation_carries_the_destination_and_no_email() -> None:
    confirmed = Announcement(CONFIRMATION, Destination(HOME))
    outcome = given(service, PLACED, AUTHORIZED).when(RESERVED)
    outcome.then(announced=[confirmed])
    assert RECIPIENT.email not in encode(outcome.events[0])


@pytest.mark.parametrize("events", list(permutations([AUTHORIZED, RESERVED, ERASED])))
def test_in_any_sequence_an_erased_order_is_confirmed_and_keeps_no_address(events: tuple[Event[Any], ...]) -> None:
    scenario = given(service, PLACED, *events, *events)
    assert scenario.announced(ORDER) == [ORDERED, CONFIRMATION]
    stored = scenario.table.entities[ORDER]
    assert stored.erased
    assert (HOME.street in str(stored), RECIPIENT.email in str(stored)) == (False, False)


def test_after_an_erasure_an_order_is_confirmed_without_a_destination() -> None:
    outcome = given(service, PLACED, AUTHORIZED, ERASED).when(RESERVED)
    outcome.then(state=CONFIRMED, announced=[CONFIRMATION])
    assert "personal" not in encode(outcome.events[0])


def test_an_erased_order_stays_in_its_customers_list() -> None:
    scenario = given(service, PLACED)
    before = scenario.table.entities[ORDER].attributes
    scenario.given(ERASED)
    assert scenario.table.entities[ORDER].attributes == before


def test_an_erasure_of_an_order_that_was_never_placed_is_in_no_list_and_the_order_does_not_exist() -> None:
    scenario = given(service, ERASED)
    assert scenario.table.entities[ORDER].attributes == {}
    scenario.when(AUTHORIZED).then_fails(PermanentError, "unknown-order")
