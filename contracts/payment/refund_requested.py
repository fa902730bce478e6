"""The contract of `RefundRequested`."""

from typing import Annotated

from msgspec import Meta

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.refund import RefundReason
from contracts.values.text import Id


class RefundRequested(OrderEvent, frozen=True, kw_only=True):
    """A refund is to be made. It is not known yet whether the money goes back.

    Attributes:
        payment: The gateway's id of the payment.
        refund: The refund's name, unique within the order. Each attempt of a refund has the same.
        amount: The amount that is to go back.
        reason: Why the money goes back.
        attempt: The number of the attempt, from 1.
    """

    producer = "payment"

    payment: Id
    refund: Id
    amount: Money
    reason: RefundReason
    attempt: Annotated[int, Meta(ge=1, le=1000)] = 1
