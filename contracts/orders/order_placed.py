"""The contract of `OrderPlaced`."""

from contracts.values.address import Address
from contracts.values.goods import Lines
from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Code, Email, Id


class OrderPlaced(OrderEvent, frozen=True, kw_only=True):
    """A customer placed an order."""

    producer = "orders"

    customer: Id
    lines: Lines
    total: Money
    email: Email
    address: Address
    payment_method: Code

    def check(self) -> None:
        """Refuse an address whose lines are not plain."""
        self.address.check("address")
