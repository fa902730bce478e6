"""A payment at the simulated gateway: pure functions decide what each call makes of it."""

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHENTICATION_FAILED,
    AUTHORIZATION_EXPIRED,
    TOO_MUCH,
    UNKNOWN_METHOD,
    ActionRequired,
    AuthorizationOutcome,
    Authorized,
    Captured,
    CaptureOutcome,
    Declined,
    FoundDispute,
    Inspection,
    NotRefunded,
    Processing,
    Refunded,
    RefundOutcome,
    RefundPending,
    Returned,
    Voided,
    VoidOutcome,
)

T = TypeVar("T", covariant=True)

DECLINES = {
    "pm_card_declined": "card_declined",
    "pm_card_insufficient_funds": "insufficient_funds",
}
ERROR_ONCE = "pm_card_error_once"
APPROVAL = "pm_card_authentication_required"
PROCESSING = "pm_card_processing"
EXPIRES = "pm_card_authorization_expires"
REFUND_PENDING = "pm_card_refund_pending"
REFUND_FAILS = "pm_card_refund_fails"
REFUND_RETURNED = "pm_card_refund_returned"
DISPUTED = "pm_card_disputed"

AUTHORIZED = {"pm_card_visa", ERROR_ONCE, EXPIRES, REFUND_PENDING, REFUND_FAILS, REFUND_RETURNED, DISPUTED}
METHODS = AUTHORIZED | DECLINES.keys() | {APPROVAL, PROCESSING}
"""The payment methods that are known."""

REFUND_FAILURE = "expired_or_canceled_card"
CHARGE_DISPUTED = "charge_disputed"
DISPUTE_REASON = "fraudulent"

Status = Literal["open", "action_required", "processing", "authorized", "captured", "declined", "expired", "voided"]
Answer = Literal["approved", "declined"]
"""The customer's answer on the bank's page."""


class Attempt(Struct, frozen=True):
    """An attempt to refund a part of the payment.

    Attributes:
        amount: The amount that was asked for.
        status: Its status.
        code: Why it failed.
        looks: Number of looks since it succeeded, if the bank is going to return its money.
    """

    amount: int
    status: Literal["pending", "succeeded", "failed"]
    code: str = ""
    looks: int = 0


class Dispute(Struct, frozen=True):
    """The customer's dispute of the payment.

    Attributes:
        id: Its id.
        status: Its status.
    """

    id: str
    status: Literal["open", "won", "lost"] = "open"


class SimulatedPayment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payment.

    Attributes:
        id: Its id.
        order: The order.
        stage: The shop's stage.
        correlation: The correlation id of the order's request.
        trace: The trace of the order's request.
        amount: The amount in minor units.
        currency: The currency.
        method: The payment method, which selects the outcome.
        client_secret: The secret that lets its holder approve the payment.
        status: Its status.
        code: Why it was declined or has expired.
        authorizations: Number of the authorizations that failed.
        answer: The customer's answer on the bank's page; empty if there was no answer.
        captured: How often its money was captured, so that a test can tell one charge from two.
        refunds: The attempts of refunds, by name.
        dispute: Its dispute.
        disputed_at: When its dispute began, in milliseconds since 1970; 0 if it has no dispute.
        version: Number of changes.
    """

    id: str = field(name="pk")
    order: str
    stage: str
    correlation: str
    trace: str
    amount: int
    currency: str
    method: str
    client_secret: str
    status: Status
    code: str = ""
    authorizations: int = 0
    answer: Answer | Literal[""] = ""
    captured: int
    refunds: Mapping[str, Attempt] = {}
    dispute: Dispute | None = None
    disputed_at: int = 0
    version: int

    @property
    def total(self) -> Money:
        """The payment's amount."""
        return Money(self.amount, self.currency)

    @property
    def refunded(self) -> int:
        """The amount that has gone back."""
        return sum(each.amount for each in self.refunds.values() if each.status == "succeeded")

    @property
    def left(self) -> int:
        """The amount that has not gone back and is not going back."""
        return self.amount - sum(each.amount for each in self.refunds.values() if each.status != "failed")


class News(Struct, frozen=True):
    """A change that the shop may not know of.

    Attributes:
        type: Stripe's type of event.
        object: What changed, as Stripe shows it.
    """

    type: str
    object: Mapping[str, Any]


class Change(Struct, Generic[T], frozen=True):
    """The result of a call about a payment.

    Attributes:
        payment: The payment after the call.
        outcome: The call's answer.
        news: What the call or its consequences changed, besides the answer.
    """

    payment: SimulatedPayment
    outcome: T
    news: tuple[News, ...] = ()


# Authorization


def authorize(payment: SimulatedPayment) -> Change[AuthorizationOutcome | None]:
    """Have the bank decide about an open payment. The outcome is None if the gateway fails."""
    if payment.status != "open":
        looked = _decided(payment)
        return Change(looked, _outcome(looked))
    if payment.method == ERROR_ONCE and payment.authorizations == 0:
        return Change(replace(payment, authorizations=1), None)
    if payment.method in AUTHORIZED:
        after = replace(payment, status="authorized")
    elif payment.method == APPROVAL:
        after = replace(payment, status="action_required")
    elif payment.method == PROCESSING:
        after = replace(payment, status="processing")
        return Change(after, Processing(), (News("payment_intent.processing", _intent(after, "processing")),))
    else:
        after = replace(payment, status="declined", code=DECLINES.get(payment.method, UNKNOWN_METHOD))
    return Change(after, _outcome(after))


def answered(payment: SimulatedPayment, answer: Answer) -> Change[SimulatedPayment]:
    """Record the customer's answer on the bank's page, if the payment awaits one. The outcome is the payment."""
    if payment.status != "action_required":
        return Change(payment, payment)
    if answer == "approved":
        after = replace(payment, status="authorized", answer=answer)
        return Change(after, after, (_reserved(after),))
    after = replace(payment, status="declined", code=AUTHENTICATION_FAILED, answer=answer)
    return Change(after, after, (News("payment_intent.payment_failed", _intent(after, "requires_payment_method")),))


def _decided(payment: SimulatedPayment) -> SimulatedPayment:
    """Return the payment after the bank's decision, which it takes by the second look."""
    return replace(payment, status="authorized") if payment.status == "processing" else payment


# Capture


def capture(payment: SimulatedPayment, now: int) -> Change[CaptureOutcome]:
    """Capture an authorized payment, or let its authorization expire, as its method selects.

    Args:
        payment: The payment.
        now: The time in milliseconds since 1970.

    Raises:
        ValueError: If the payment is not authorized. Stripe, too, captures no such payment.
    """
    if payment.status != "authorized":
        return Change(payment, _ended(payment))
    if payment.method == EXPIRES:
        after = replace(payment, status="expired", code=AUTHORIZATION_EXPIRED)
        return Change(after, _ended(after))
    after = replace(payment, status="captured", captured=payment.captured + 1)
    if payment.method != DISPUTED:
        return Change(after, Captured())
    after = replace(after, dispute=Dispute(f"dp_{payment.id.removeprefix('pay_')}"), disputed_at=now)
    return Change(after, Captured(), (News("charge.dispute.created", _dispute(after, "needs_response")),))


def close_dispute(payment: SimulatedPayment, status: Literal["won", "lost"]) -> Change[None]:
    """Close an open dispute."""
    if payment.dispute is None or payment.dispute.status != "open":
        return Change(payment, None)
    after = replace(payment, dispute=replace(payment.dispute, status=status))
    return Change(after, None, (News("charge.dispute.closed", _dispute(after, status)),))


# Voiding and refunds


def void(payment: SimulatedPayment) -> Change[VoidOutcome]:
    """Undo a payment whose money has not moved. The bank's decision comes first."""
    match payment.status:
        case "captured":
            return Change(payment, Captured())
        case "processing":
            after = _decided(payment)
            return Change(after, Processing(), (_reserved(after),))
        case "open" | "action_required" | "authorized":
            return Change(replace(payment, status="voided"), Voided())
        case "declined" | "expired" | "voided":
            return Change(payment, Voided())


def refund(payment: SimulatedPayment, attempt: str, amount: Money | None) -> Change[RefundOutcome]:
    """Make a refund, or look at the one that was made under the attempt's name.

    Args:
        payment: The payment.
        attempt: The attempt's name.
        amount: The amount; None for all that is left.

    Raises:
        ValueError: If the payment was not captured, or the amount is not positive or in another currency.
    """
    if attempt in payment.refunds:
        looked, news = _looked_at(payment, attempt)
        return Change(looked, _refund_outcome(looked, attempt), news)
    if payment.status != "captured":
        raise ValueError(f"the payment {payment.id} is {payment.status}, so it cannot be refunded")
    if amount is not None and (amount.amount <= 0 or amount.currency != payment.currency):
        raise ValueError(f"{amount.amount} {amount.currency} of the payment {payment.id} cannot be refunded")
    made = _attempted(payment, payment.left if amount is None else amount.amount)
    after = _with_attempt(payment, attempt, made)
    changes_later = made.status == "pending" or _is_going_to_be_returned(payment, made)
    return Change(after, _refund_outcome(after, attempt), (_refund_updated(after, attempt),) if changes_later else ())


def _attempted(payment: SimulatedPayment, amount: int) -> Attempt:
    if payment.dispute and payment.dispute.status != "won":
        return Attempt(amount, "failed", CHARGE_DISPUTED)
    if amount > payment.left:
        return Attempt(amount, "failed", TOO_MUCH)
    if payment.method == REFUND_FAILS and not _has_failed(payment) and amount:
        return Attempt(amount, "failed", REFUND_FAILURE)
    return Attempt(amount, "pending" if payment.method == REFUND_PENDING and amount else "succeeded")


def _looked_at(payment: SimulatedPayment, attempt: str) -> tuple[SimulatedPayment, tuple[News, ...]]:
    """Return the payment after a look at an attempt of a refund, and the news if the attempt fails at the next look."""
    found, returned = payment.refunds[attempt], _is_going_to_be_returned(payment, payment.refunds[attempt])
    if found.status == "pending":
        return _with_attempt(payment, attempt, replace(found, status="succeeded")), ()
    if returned and found.looks:
        return _with_attempt(payment, attempt, replace(found, status="failed", code=REFUND_FAILURE)), ()
    if returned:
        after = _with_attempt(payment, attempt, replace(found, looks=1))
        return after, (_refund_updated(after, attempt),)
    return payment, ()


def _with_attempt(payment: SimulatedPayment, name: str, attempt: Attempt) -> SimulatedPayment:
    return replace(payment, refunds={**payment.refunds, name: attempt})


def _is_going_to_be_returned(payment: SimulatedPayment, attempt: Attempt) -> bool:
    returns = payment.method == REFUND_RETURNED and not _has_failed(payment)
    return returns and attempt.status == "succeeded" and attempt.amount > 0


def _has_failed(payment: SimulatedPayment) -> bool:
    return any(each.code == REFUND_FAILURE for each in payment.refunds.values())


# Inspection


def inspect(payment: SimulatedPayment) -> Change[Inspection]:
    """Look at a payment and at each of its refunds."""
    looked = _decided(payment)
    news: tuple[News, ...] = ()
    for attempt in payment.refunds:
        looked, more = _looked_at(looked, attempt)
        news += more
    dispute = looked.dispute
    return Change(
        looked,
        Inspection(
            outcome=None if looked.status == "open" else _outcome(looked),
            amount=looked.total,
            refunds={attempt: _refund_outcome(looked, attempt) for attempt in looked.refunds},
            disputes=(FoundDispute(dispute.id, looked.total, DISPUTE_REASON, dispute.status),) if dispute else (),
        ),
        news,
    )


def _outcome(payment: SimulatedPayment) -> AuthorizationOutcome:
    match payment.status:
        case "action_required":
            return ActionRequired()
        case "processing":
            return Processing()
        case "authorized":
            return Authorized()
        case _:
            return _ended(payment)


def _ended(payment: SimulatedPayment) -> CaptureOutcome:
    match payment.status:
        case "captured":
            return Returned(payment.total) if payment.refunded >= payment.amount else Captured()
        case "voided":
            return Voided()
        case "declined" | "expired":
            return Declined(payment.code)
        case status:
            raise ValueError(f"the payment {payment.id} is {status}, and not authorized")


def _refund_outcome(payment: SimulatedPayment, attempt: str) -> RefundOutcome:
    found = payment.refunds[attempt]
    match found.status:
        case "pending":
            return RefundPending()
        case "succeeded":
            return Refunded(Money(found.amount, payment.currency))
        case "failed":
            return NotRefunded(found.code)


# Stripe's objects (Stripe API Reference, "PaymentIntent", "Refund", "Dispute")


def _reserved(payment: SimulatedPayment) -> News:
    return News("payment_intent.amount_capturable_updated", _intent(payment, "requires_capture"))


def _refund_updated(payment: SimulatedPayment, attempt: str) -> News:
    found = payment.refunds[attempt]
    refunded = {
        "id": f"re_{payment.id.removeprefix('pay_')}_{list(payment.refunds).index(attempt) + 1}",
        "object": "refund",
        "amount": found.amount,
        "currency": payment.currency.lower(),
        "payment_intent": payment.id,
        "status": found.status,
        "metadata": {"order": payment.order, "stage": payment.stage, "refund": attempt},
    }
    return News("refund.updated", refunded)


def _intent(payment: SimulatedPayment, status: str) -> dict[str, Any]:
    return {
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "currency": payment.currency.lower(),
        "status": status,
        "metadata": {
            "order": payment.order,
            "stage": payment.stage,
            "correlation": payment.correlation,
            "trace": payment.trace,
        },
    }


def _dispute(payment: SimulatedPayment, status: str) -> dict[str, Any]:
    return {
        "id": payment.dispute.id if payment.dispute else "",
        "object": "dispute",
        "amount": payment.amount,
        "currency": payment.currency.lower(),
        "payment_intent": payment.id,
        "reason": DISPUTE_REASON,
        "status": status,
        "metadata": {},
    }
