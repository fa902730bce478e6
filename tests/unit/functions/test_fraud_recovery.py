"""The recovery of fraud: orders that passed are counted again, and all others are judged as ever."""

from typing import Any

import pytest
from msgspec.structs import replace

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.address import Address
from contracts.values.money import Money
from functions.fraud.handlers import Check, paid_key
from functions.fraud.inspector import Inspector
from functions.fraud.recovery import PaidOrders, recovery
from functions.fraud.rules import WINDOW, Rules
from functions.fraud.service import service
from tests.unit.facts import HOME, NOON_MILLIS, ORDER, RECIPIENT, fact, order_placed
from tidings.core.entity import Entity, StoredEntity
from tidings.core.event import Event, decode, encode, without_personal
from tidings.recovery import LoggedEvent
from tidings.testing import MemoryTable, make_event

RULES = Rules(velocity=2, address_spread=1, large_total={"EUR": 5000})
INSPECTOR = Inspector(RULES, lambda: "key")
TOTAL = Money(2000, "EUR")
PLACED, PAID = NOON_MILLIS, NOON_MILLIS + 10
CLOSED = NOON_MILLIS + 20
ELSEWHERE = Address("A. Customer", "7 Station Road", "Ghent", "9000", "BE")


def logged(event: Event[Any]) -> LoggedEvent:
    body = encode(event)
    return LoggedEvent(f"{event.time}/{event.id}", body, decode(body))


def placed(order: str = ORDER, total: Money = TOTAL, address: Address = HOME) -> Event[OrderPlaced]:
    recipient = replace(RECIPIENT, address=address)
    return make_event(replace(order_placed(), total=total), subject=order, time=PLACED, personal=recipient)


def paid(order: str = ORDER, at: int = PAID) -> Event[PaymentAuthorized]:
    return fact(PaymentAuthorized(payment="pay_1", amount=TOTAL), order=order, time=at)


class Restored:
    """Fraud's restored table."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.port = PaidOrders(INSPECTOR, self.table, CLOSED)

    def recover(self, *events: Event[Any], order: str = ORDER, stored: StoredEntity | None = None) -> Check | None:
        """Recover an order. Return its check; None if it is left to the replay."""
        entity, effects = recovery.recover(stored, order, [logged(event) for event in events], self.port)
        for effect in effects:
            effect.perform(self.port)
        return service.codec.decode(entity).state if entity else None

    @property
    def day(self) -> dict[str, int]:
        """The numbers of the only customer's only day."""
        (numbers,) = self.table.items.values()
        return {name: number for name, number in numbers.items() if not name.startswith("recovered:")}


@pytest.fixture
def restored() -> Restored:
    return Restored()


def numbers(orders: int, addresses: int, *counted: Address) -> dict[str, int]:
    """The numbers of a customer's day, given the orders and addresses that are left and the counted addresses."""
    own = (INSPECTOR.pseudonymize(order_placed().customer, each, PLACED).address_number for each in counted)
    return {f"orders:{PLACED % (24 * 60 * 60_000) // WINDOW}": orders, "addresses": addresses} | dict.fromkeys(own, 0)


@pytest.mark.parametrize("free", [False, True])
def test_an_order_that_was_placed_and_paid_before_the_service_was_closed_is_counted(
    restored: Restored, *, free: bool
) -> None:
    payment = fact(PaymentNotNeeded(amount=TOTAL), time=PAID) if free else paid()
    assert restored.recover(placed(), payment) == Check("counted")
    assert restored.day == numbers(1, 0, HOME)


def test_an_order_is_counted_once_although_its_recovery_breaks_off_before_it_is_written(restored: Restored) -> None:
    for _ in range(3):
        assert restored.recover(placed(), paid()) == Check("counted")
    assert restored.day == numbers(1, 0, HOME)


def test_an_order_is_counted_although_its_quotas_are_used_up(restored: Restored) -> None:
    for n, address in enumerate((HOME, HOME, ELSEWHERE), start=1):
        order = f"{ORDER[:-1]}{n}"
        assert restored.recover(placed(order, address=address), paid(order), order=order) == Check("counted")
    assert restored.day == numbers(-1, -1, HOME, ELSEWHERE)


def test_an_order_that_is_counted_in_the_restored_table_is_not_counted_again(restored: Restored) -> None:
    stored = service.codec.encode(Entity(ORDER, 2, Check("counted")), announces=False, attributes={})
    assert restored.recover(placed(), paid(), stored=stored) is None
    assert not restored.table.items


def test_an_order_counts_by_what_was_stored_of_it_although_its_address_was_erased(restored: Restored) -> None:
    known = INSPECTOR.pseudonymize(order_placed().customer, HOME, PLACED)
    stored = service.codec.encode(Entity(ORDER, 1, Check("placed", known)), announces=False, attributes={})
    without = without_personal(placed())
    assert restored.recover(without, paid(), stored=stored) == Check("counted")
    assert (paid_key(known), "") in restored.table.items
    assert restored.day == numbers(1, 0, HOME)


@pytest.mark.parametrize(
    "events",
    [(placed(),), (placed(), paid(at=CLOSED)), (placed(total=Money(5001, "EUR")), paid())],
    ids=["not paid", "paid while the service was closed", "too large a total"],
)
def test_an_order_that_cannot_have_passed_is_judged_as_ever(restored: Restored, events: tuple[Event[Any], ...]) -> None:
    found = restored.recover(*events)
    assert found is None or found.status == "paid"
    assert not restored.table.items


def test_an_order_that_was_flagged_is_not_counted(restored: Restored) -> None:
    flag = make_event(OrderFlagged(rules=("velocity",)), subject=ORDER, time=PAID + 1, cause=paid().id)
    assert restored.recover(placed(), paid(), flag) == Check("flagged", rules=("velocity",))
    assert not restored.table.items
