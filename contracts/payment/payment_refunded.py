"""The contract of `PaymentRefunded`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentRefunded(OrderEvent, frozen=True, kw_only=True):
    """The captured money went back to the customer."""

    producer = "payment"

    payment: Id
    amount: Money
