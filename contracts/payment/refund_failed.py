"""The contract of `RefundFailed`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Code, Id


class RefundFailed(OrderEvent, frozen=True, kw_only=True):
    """The money of a refund did not go back to the customer, or the bank returned it later.

    An operator must try again, or return the money in another way.

    Attributes:
        payment: The gateway's id of the payment.
        refund: The refund's name, unique within the order.
        amount: The amount that did not go back.
        code: The gateway's reason.
    """

    producer = "payment"

    payment: Id
    refund: Id
    amount: Money
    code: Code
