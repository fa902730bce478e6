"""The contract of `DisputeClosed`."""

from typing import Literal

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id

DisputeOutcome = Literal["won", "lost"]


class DisputeClosed(OrderEvent, frozen=True, kw_only=True):
    """A dispute has ended: the shop keeps the money (`won`), or the customer has it back (`lost`).

    An inquiry that the bank closed without taking money is won.

    Attributes:
        payment: The gateway's id of the payment.
        dispute: The gateway's id of the dispute.
        amount: The disputed amount.
        outcome: How it ended.
    """

    producer = "payment"

    payment: Id
    dispute: Id
    amount: Money
    outcome: DisputeOutcome
