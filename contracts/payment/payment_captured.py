"""The contract of `PaymentCaptured`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentCaptured(OrderEvent, frozen=True, kw_only=True):
    """The order is confirmed, and its money moved from the customer to the shop."""

    producer = "payment"

    payment: Id
    amount: Money
