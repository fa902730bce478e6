"""The contract of `RefundSettled`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class RefundSettled(OrderEvent, frozen=True, kw_only=True):
    """An operator returned the money of a failed refund in another way, such as by a bank transfer."""

    producer = "payment"

    payment: Id
    refund: Id
    amount: Money
