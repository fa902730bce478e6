"""The contract of `OrderConfirmed`."""

from contracts.values.address import Address
from contracts.values.goods import Lines
from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Email, Id


class OrderConfirmed(OrderEvent, frozen=True, kw_only=True):
    """The order's payment is authorized, or it needs none, and its goods are reserved.

    The event carries the order, so consumers need not ask for it.
    """

    producer = "orders"

    customer: Id
    lines: Lines
    total: Money
    email: Email
    address: Address

    def check(self) -> None:
        """Refuse an address whose lines are not plain."""
        self.address.check("address")
