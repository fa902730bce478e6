"""The contract of `PaymentDisputed`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Code, Id


class PaymentDisputed(OrderEvent, frozen=True, kw_only=True):
    """The customer disputes the payment at the bank, which may take the money back.

    Attributes:
        payment: The gateway's id of the payment.
        dispute: The gateway's id of the dispute.
        amount: The disputed amount.
        reason: The gateway's code of the reason.
    """

    producer = "payment"

    payment: Id
    dispute: Id
    amount: Money
    reason: Code
