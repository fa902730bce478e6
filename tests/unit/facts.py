"""The shop's events as their services announce them, specific only in what a test is about."""

from typing import TypeVar

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from contracts.values.recipient import Destination, Recipient
from tidings.core.clock import from_rfc3339
from tidings.core.contract import Contract
from tidings.core.event import Event
from tidings.core.personal import Personal
from tidings.testing import NOON, SUBJECT, TRACEPARENT, make_event

C = TypeVar("C", bound=Contract)

ORDER = SUBJECT
NOON_MILLIS = from_rfc3339(NOON)
TRACE = TRACEPARENT
HOME = Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
RECIPIENT = Recipient(email="customer@example.com", address=HOME)
PEOPLE: dict[type[Personal] | None, Personal] = {Recipient: RECIPIENT, Destination: Destination(HOME)}


def order_id(n: int) -> str:
    """Return the id of the n-th order."""
    return f"00000000-0000-4000-8000-{n:012x}"


def fact(
    data: C,
    *,
    source: str | None = None,
    n: int = 1,
    order: str = ORDER,
    time: int | str = NOON,
    cause: str | None = None,
    erased: bool = False,
) -> Event[C]:
    """Return a service's n-th event of an order, by default of the service whose contract it is.

    It carries the customer's personal data if its contract does, unless that was erased.
    """
    personal = None if erased else PEOPLE.get(type(data).personal)
    return make_event(data, source=source, subject=order, number=n, time=time, cause=cause, personal=personal)


def line(sku: str, quantity: int, amount: int = 1000) -> OrderLine:
    return OrderLine(sku, quantity, Money(amount, "EUR"))


def order_placed(*lines: OrderLine, customer: str = "customer-1", method: str = "pm_card_visa") -> OrderPlaced:
    lines = lines or (line("tea", 2),)
    return OrderPlaced(
        customer=customer,
        lines=lines,
        total=total_of(lines),
        payment_method=method,
    )


def order_confirmed(*lines: OrderLine, total: Money | None = None) -> OrderConfirmed:
    lines = lines or (line("tea", 2),)
    return OrderConfirmed(
        customer="customer-1",
        lines=lines,
        total=total or total_of(lines),
    )


def total_of(lines: tuple[OrderLine, ...]) -> Money:
    """Return the sum of the lines, which all are in EUR."""
    return Money(sum(each.price.amount * each.quantity for each in lines), "EUR")
