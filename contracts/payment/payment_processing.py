"""The contract of `PaymentProcessing`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentProcessing(OrderEvent, frozen=True, kw_only=True):
    """The customer's bank has not decided yet whether it reserves the amount."""

    producer = "payment"

    payment: Id
    amount: Money
