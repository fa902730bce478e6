"""The contract of `OrderPlaced`."""

from contracts.values.goods import Lines
from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.recipient import Recipient
from contracts.values.text import Code, Id


class OrderPlaced(OrderEvent, frozen=True, kw_only=True):
    """A customer placed an order."""

    producer = "orders"
    personal = Recipient

    customer: Id
    lines: Lines
    total: Money
    payment_method: Code
