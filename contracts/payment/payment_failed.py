"""The contract of `PaymentFailed`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Code, Id


class PaymentFailed(OrderEvent, frozen=True, kw_only=True):
    """The shop has no money for the order, and will get none: the order cannot go on.

    Attributes:
        payment: The gateway's id of the payment; None if the gateway opened none.
        amount: The amount that was to be paid.
        code: The gateway's code, such as that of a decline; `voided` or `refunded` if the payment was undone at the
            gateway, and not because the order was cancelled.
    """

    producer = "payment"

    payment: Id | None = None
    amount: Money
    code: Code
