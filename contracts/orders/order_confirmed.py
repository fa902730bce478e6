"""The contract of `OrderConfirmed`."""

from contracts.values.goods import Lines
from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.recipient import Destination
from contracts.values.text import Id


class OrderConfirmed(OrderEvent, frozen=True, kw_only=True):
    """The order's payment is authorized, or it needs none, and its goods are reserved.

    The event carries the order, so consumers need not ask for it.
    """

    producer = "orders"
    personal = Destination

    customer: Id
    lines: Lines
    total: Money
