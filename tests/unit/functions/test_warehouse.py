import pytest

from functions.warehouse import reactions
from functions.warehouse.reactions import Shipment
from tests.unit.facts import ORDER, fact, line, order_placed
from tidings.contracts import OrderCancelled, OrderConfirmed, OrderDispatched, ReturnRequested, Units
from tidings.decisions import Commit, Ignore
from tidings.item import Item

PLACED = order_placed(line("tea", 2), line("cup", 1))
CONFIRMED = fact(
    OrderConfirmed(
        customer=PLACED.customer, lines=PLACED.lines, total=PLACED.total, email=PLACED.email, address=PLACED.address
    ),
    n=2,
)
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
LINES = (Units("tea", 2), Units("cup", 1))
TO_PICK = Shipment("to_pick", LINES, PLACED.address, CONFIRMED.time)


def item(state: Shipment | None) -> Item[Shipment]:
    return Item(ORDER, state=state)


def test_a_confirmed_order_is_to_be_picked() -> None:
    assert reactions.confirmed(item(None), CONFIRMED, None) == Commit(TO_PICK)


def test_an_order_that_was_off_before_it_was_confirmed_is_not_picked() -> None:
    tombstone = reactions.cancelled(item(None), CANCELLED, None)
    assert isinstance(tombstone, Commit)
    assert reactions.confirmed(item(tombstone.state), CONFIRMED, None) == Ignore()
    assert reactions.dispatch(item(tombstone.state), "") == Ignore()
    assert reactions.to_pick(item(tombstone.state)) == {}


def test_a_dispatch_is_announced_with_its_tracking_once() -> None:
    dispatched = reactions.dispatch(item(TO_PICK), "T1")
    assert isinstance(dispatched, Commit)
    assert dispatched.announce == (OrderDispatched(tracking="T1"),)
    assert reactions.dispatch(item(dispatched.state), "T2") == Ignore()


def test_what_has_left_when_the_order_is_cancelled_must_come_back() -> None:
    dispatched = reactions.dispatch(item(TO_PICK), "T1")
    assert isinstance(dispatched, Commit)
    returning = reactions.cancelled(item(dispatched.state), CANCELLED, None)
    assert isinstance(returning, Commit)
    assert returning.announce == (ReturnRequested(lines=LINES),)
    assert reactions.cancelled(item(returning.state), CANCELLED, None) == Ignore()


def test_what_has_not_left_when_the_order_is_cancelled_stays() -> None:
    decision = reactions.cancelled(item(TO_PICK), CANCELLED, None)
    assert isinstance(decision, Commit)
    assert (decision.state.status, decision.announce) == ("cancelled", ())


@pytest.mark.parametrize("status", ["dispatched", "cancelled", "returning"])
def test_only_what_is_to_be_picked_is_listed(status: reactions.Status) -> None:
    assert reactions.to_pick(item(TO_PICK))["owner"] == reactions.TO_PICK
    assert reactions.to_pick(item(Shipment(status, LINES, PLACED.address, CONFIRMED.time))) == {}
