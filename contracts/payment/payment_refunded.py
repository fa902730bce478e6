"""The contract of `PaymentRefunded`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentRefunded(OrderEvent, frozen=True, kw_only=True):
    """Captured money went back to the customer: all that was left of it, or a part that an operator chose.

    Attributes:
        payment: The gateway's id of the payment.
        refund: The refund's name, unique within the order.
        amount: The amount that this refund returned. That of a cancelled order is less than the captured amount if
            a part had gone back before, and zero if all of it had.
    """

    producer = "payment"

    payment: Id
    refund: Id
    amount: Money
