"""Events as their services would announce them, saying no more than a test is about."""

from typing import TypeVar

from msgspec import UNSET, UnsetType

from tidings.clock import millis
from tidings.contracts import Address, Money, OrderLine, OrderPlaced
from tidings.events import Contract, Event, event_id

C = TypeVar("C", bound=Contract)

ORDER = "3f2b8c1e-7a6d-4e0b-9c58-0d1e2f3a4b5c"
NOON = "2026-01-31T12:00:00.000Z"
NOON_MILLIS = millis(NOON)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOME = Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")


def fact(
    data: C,
    *,
    source: str = "orders",
    n: int = 1,
    order: str = ORDER,
    time: str = NOON,
    cause: str | UnsetType = UNSET,
) -> Event[C]:
    return Event(
        id=event_id(source, order, n),
        source=source,
        type=type(data).__name__,
        dataschema=data.schema(),
        subject=order,
        time=time,
        sequence=n,
        correlationid="request-1",
        causationid=cause,
        traceparent=TRACE,
        data=data,
    )


def line(sku: str, quantity: int, amount: int = 1000) -> OrderLine:
    return OrderLine(sku, quantity, Money(amount, "EUR"))


def order_placed(*lines: OrderLine, customer: str = "customer-1", method: str = "pm_card_visa") -> OrderPlaced:
    lines = lines or (line("tea", 2),)
    return OrderPlaced(
        customer=customer,
        lines=lines,
        total=Money(sum(each.price.amount * each.quantity for each in lines), "EUR"),
        email="customer@example.com",
        address=HOME,
        payment_method=method,
    )
