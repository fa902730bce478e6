"""The contract of `PaymentActionRequired`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentActionRequired(OrderEvent, frozen=True, kw_only=True):
    """The customer must approve the payment at the bank before its amount is reserved.

    The event contains no secret. The customer's browser asks payment's own route for what it needs.
    """

    producer = "payment"

    payment: Id
    amount: Money
