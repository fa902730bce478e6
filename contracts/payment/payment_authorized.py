"""The contract of `PaymentAuthorized`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentAuthorized(OrderEvent, frozen=True, kw_only=True):
    """The customer's bank reserves the amount for the shop. No money has moved."""

    producer = "payment"

    payment: Id
    amount: Money
