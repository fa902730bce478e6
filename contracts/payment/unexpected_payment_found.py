"""The contract of `UnexpectedPaymentFound`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class UnexpectedPaymentFound(OrderEvent, frozen=True, kw_only=True):
    """The gateway has reserved or taken money for the order that the order does not account for.

    It is a second payment, or one that had ended here. A reserved amount is released again. Money that has moved is
    refunded, which further events announce.

    Attributes:
        payment: The gateway's id of that payment.
        amount: Its amount.
    """

    producer = "payment"

    payment: Id
    amount: Money
