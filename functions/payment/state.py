"""The state of an order's payment."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.values.money import Money
from contracts.values.refund import RefundReason
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import Entity

Status = Literal[
    "forbidden",
    "not_needed",
    "authorizing",
    "action_required",
    "processing",
    "authorized",
    "captured",
    "failed",
    "voided",
]
RefundStatus = Literal["pending", "succeeded", "failed", "settled"]
DisputeStatus = Literal["open", "won", "lost"]

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

REFUNDS_WATCHED = 30 * DAY
"""Milliseconds for which a refund that succeeded is checked again, because the bank may still return its money
(Stripe Docs, "Refund and cancel payments")."""

CANCELLATION = "cancellation"
"""The name of the refund of a cancelled order."""

DASHBOARD = "dashboard"
"""The name of a refund that was made at the gateway's own dashboard before the order was confirmed."""

MAX_REFUNDS = 50
"""Maximum number of refunds of an order."""


class Refund(Struct, frozen=True, omit_defaults=True):
    """A refund.

    Attributes:
        id: Its name, unique within the order.
        payment: The gateway's id of the payment.
        amount: The amount that is to go back, or that went back once it succeeded.
        reason: Why it goes back.
        at: The time of its last change.
        status: `pending` until the gateway says what became of it. `settled` means that an operator returned the money
            of a failed refund in another way.
        attempt: The number of the attempt. The gateway repeats the failure of an attempt that is made again.
        code: The gateway's reason, if it failed.
        rest: Whether all that is left is to go back, which may be less than the amount.
    """

    id: str
    payment: str
    amount: Money
    reason: RefundReason
    at: str
    status: RefundStatus = "pending"
    attempt: int = 1
    code: str = ""
    rest: bool = False


class Dispute(Struct, frozen=True):
    """A dispute of the payment."""

    id: str
    status: DisputeStatus


class Payment(Struct, frozen=True, omit_defaults=True):
    """The payment of an order.

    `forbidden` is a tombstone: the order was cancelled before a payment was opened. `not_needed` is that of an order
    that costs nothing.

    Attributes:
        status: Its status.
        id: The gateway's id; empty if none was opened.
        amount: The order's total.
        customer: The customer, who alone may approve it.
        since: When it began to wait for the customer's approval or for the bank.
        cancelled: Whether the order was cancelled, and the payment could not be voided yet.
        refunds: Its refunds, and those of unexpected payments.
        disputes: Its disputes.
        due: When it is to be checked again; empty if it awaits nothing.
    """

    status: Status
    id: str = ""
    amount: Money | None = None
    customer: str = ""
    since: str = ""
    cancelled: bool = False
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    due: str = ""

    @property
    def total(self) -> Money:
        """The amount of a payment that was opened.

        Raises:
            LookupError: If it has none.
        """
        if self.amount is None:
            raise LookupError(f"a payment that is {self.status} has no amount")
        return self.amount

    @property
    def left(self) -> Money:
        """The captured amount without what has gone back, or is to go back."""
        gone = sum(refund.amount.amount for refund in self.refunds if refund.payment == self.id and counts(refund))
        return Money(max(self.total.amount - gone, 0), self.total.currency)

    @property
    def watched(self) -> tuple[str, ...]:
        """The gateway's ids of the payment and of the unexpected payments that were refunded."""
        others = dict.fromkeys(refund.payment for refund in self.refunds if refund.payment != self.id)
        return (*([self.id] if self.id else []), *others)

    def refund(self, name: str) -> Refund | None:
        """Return a refund by its name; None if there is no such refund."""
        return next((refund for refund in self.refunds if refund.id == name), None)


def counts(refund: Refund) -> bool:
    """Return whether a refund's amount has gone back or may go back."""
    return refund.status != "failed"


def attempt_of(order: str, refund: Refund) -> str:
    """Return the name of a refund's present attempt, unique among all refunds of the shop."""
    return f"{order}/{refund.id}/{refund.attempt}"


def with_refund(payment: Payment, refund: Refund) -> Payment:
    """Return the payment with a refund, in place of the one that had its name."""
    if payment.refund(refund.id) is None:
        return replace(payment, refunds=(*payment.refunds, refund))
    return replace(payment, refunds=tuple(refund if each.id == refund.id else each for each in payment.refunds))


def scheduled(payment: Payment, now: int) -> Payment:
    """Return the payment with the time of its next check.

    A payment that waits is checked after a tenth of the time for which it has waited, between a minute and a day.
    One that can still change by itself, because of a dispute or of a refund that the bank may return, is checked
    every day.

    Args:
        payment: The payment.
        now: The time in milliseconds since 1970.
    """
    waiting = [from_rfc3339(refund.at) for refund in payment.refunds if refund.status == "pending"]
    if payment.status in ("action_required", "processing"):
        waiting.append(from_rfc3339(payment.since))
    if waiting:
        delay = min(max((now - min(waiting)) // 10, MINUTE), DAY)
    elif any(dispute.status == "open" for dispute in payment.disputes) or any(
        refund.status == "succeeded" and now - from_rfc3339(refund.at) < REFUNDS_WATCHED for refund in payment.refunds
    ):
        delay = DAY
    else:
        return replace(payment, due="")
    return replace(payment, due=to_rfc3339(now + delay))


def under_way(payment: Payment) -> str:
    """Name what still goes on with an order's money; "" if nothing does.

    A refund that failed goes on until an operator has returned its money in another way.
    """
    refunds = {refund.status for refund in payment.refunds}
    if payment.status in ("authorizing", "action_required", "processing"):
        return "authorization"
    # A cancelled payment that is captured all the same has a refund.
    if payment.status == "authorized":
        return "void" if payment.cancelled else "capture"
    if "pending" in refunds:
        return "refund"
    if "failed" in refunds:
        return "failed_refund"
    return "dispute" if any(dispute.status == "open" for dispute in payment.disputes) else ""


def due_of(entity: Entity[Payment]) -> str:
    """Return when an order's payment is to be checked again; empty if it awaits nothing."""
    return entity.state.due if entity.state else ""


def due_at(payment: Payment) -> int:
    """Return when a payment is to be checked again, in milliseconds since 1970; a time without end if never."""
    return from_rfc3339(payment.due) if payment.due else 2**63
