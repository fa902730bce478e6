import pytest

from functions.loyalty import reactions
from functions.loyalty.reactions import Earning, balance_key
from tests.unit.facts import HOME, ORDER, fact, line
from tidings.contracts import Money, OrderCancelled, OrderConfirmed, PointsAwarded, PointsRevoked
from tidings.decisions import Adjust, Commit, Ignore
from tidings.events import Event
from tidings.item import Item

CANCELLED = fact(OrderCancelled(reason="customer"), n=3)


def confirmed(amount: int, currency: str = "EUR") -> Event[OrderConfirmed]:
    data = OrderConfirmed(
        customer="customer-1",
        lines=(line("tea", 1),),
        total=Money(amount, currency),
        email="a@example.com",
        address=HOME,
    )
    return fact(data, n=2)


def item(state: Earning | None) -> Item[Earning]:
    return Item(ORDER, state=state)


@pytest.mark.parametrize(
    ("amount", "currency", "points"), [(100, "EUR", 1), (199, "EUR", 1), (2599, "EUR", 25), (250, "JPY", 250)]
)
def test_a_point_is_earned_by_every_whole_unit_of_currency(amount: int, currency: str, points: int) -> None:
    decision = reactions.confirmed(item(None), confirmed(amount, currency), None)
    assert isinstance(decision, Commit)
    assert decision.announce == (PointsAwarded(customer="customer-1", points=points),)
    assert decision.adjust == (Adjust(balance_key("customer-1"), {"points": points}),)


def test_an_order_below_one_unit_earns_nothing_and_announces_nothing() -> None:
    decision = reactions.confirmed(item(None), confirmed(99), None)
    assert isinstance(decision, Commit)
    assert (decision.announce, decision.adjust) == ((), ())
    off = reactions.cancelled(item(decision.state), CANCELLED, None)
    assert isinstance(off, Commit)
    assert (off.announce, off.adjust) == ((), ())


def test_what_a_cancelled_order_had_earned_is_taken_back_once() -> None:
    awarded = reactions.confirmed(item(None), confirmed(2599), None)
    assert isinstance(awarded, Commit)
    revoked = reactions.cancelled(item(awarded.state), CANCELLED, None)
    assert isinstance(revoked, Commit)
    assert revoked.announce == (PointsRevoked(customer="customer-1", points=25),)
    assert revoked.adjust == (Adjust(balance_key("customer-1"), {"points": -25}),)
    assert reactions.cancelled(item(revoked.state), CANCELLED, None) == Ignore()


def test_an_order_that_was_off_before_it_was_confirmed_earns_nothing() -> None:
    tombstone = reactions.cancelled(item(None), CANCELLED, None)
    assert isinstance(tombstone, Commit)
    assert reactions.confirmed(item(tombstone.state), confirmed(2599), None) == Ignore()
    assert reactions.ledger(item(tombstone.state)) == {}
