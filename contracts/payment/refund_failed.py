"""The contract of `RefundFailed`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Code, Id


class RefundFailed(OrderEvent, frozen=True, kw_only=True):
    """The money of a cancelled order did not go back to the customer. An operator must return it in another way.

    `amount` is the captured amount, and `code` the gateway's reason.
    """

    producer = "payment"

    payment: Id
    amount: Money
    code: Code
