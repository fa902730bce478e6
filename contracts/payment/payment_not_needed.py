"""The contract of `PaymentNotNeeded`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent


class PaymentNotNeeded(OrderEvent, frozen=True, kw_only=True):
    """The order costs nothing, so it has no payment. The amount is zero."""

    producer = "payment"

    amount: Money
