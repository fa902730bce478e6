"""A payment gateway that forgets after a day under which key it opened a payment, as Stripe does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from msgspec.structs import replace

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHENTICATION_FAILED,
    AUTHORIZATION_EXPIRED,
    KEYS_KEPT,
    TOO_MUCH,
    ActionRequired,
    Approval,
    AuthorizationOutcome,
    Authorized,
    Captured,
    CaptureOutcome,
    Declined,
    FoundDispute,
    Inspection,
    Labels,
    NotRefunded,
    Opened,
    Origin,
    Processing,
    Refunded,
    RefundOutcome,
    RefundPending,
    Returned,
    Voided,
    VoidOutcome,
)
from functions.payment.reports import About
from tests.simulation.clock import DAY
from tidings.core.clock import Clock
from tidings.core.errors import RetryableError

VISA = "pm_card_visa"
DECLINED = "pm_card_declined"
ERROR_ONCE = "pm_card_error_once"
EXPIRES = "pm_card_authorization_expires"
AUTHENTICATION_REQUIRED = "pm_card_authentication_required"
PROCESSING = "pm_card_processing"
DISPUTED = "pm_card_disputed"
REFUND_PENDING = "pm_card_refund_pending"
REFUND_FAILS = "pm_card_refund_fails"
REFUND_RETURNED = "pm_card_refund_returned"

MIN_AMOUNT = 50
"""Minor units below which nothing can be paid. Such a payment is declined at once."""

STAGE = "simulated"
SECRET = "_client_secret_"  # noqa: S105 - a mark, and no secret
"""The mark of the gateway's secrets, which the shop must not store."""

Status = Literal[
    "open", "action_required", "processing", "authorized", "captured", "declined", "expired", "voided", "closed"
]


@dataclass
class MemoryRefund:
    """A refund. One that was made at the gateway's dashboard has no attempt."""

    attempt: str
    amount: int
    status: Literal["pending", "succeeded", "failed"]
    code: str = ""


@dataclass
class MemoryPayment:
    """A payment.

    Attributes:
        order: The order of its metadata.
        origin: The request of its metadata.
        amount: Its amount.
        method: Its payment method, which decides what happens to it.
        opened: When it was opened.
        stage: The stage of its metadata.
        status: Its status. One that its customer did not approve is `declined`, and `closed` once nobody can any more.
        authorizations: How often its authorization was tried.
        captured: How often its money moved to the shop.
        refunds: Its refunds.
        refused: The codes of the refunds that were refused, by attempt.
        disputes: Its disputes.
        disputed: When its last dispute began.
    """

    order: str
    origin: Origin
    amount: Money
    method: str
    opened: int
    stage: str = STAGE
    status: Status = "open"
    authorizations: int = 0
    captured: int = 0
    refunds: list[MemoryRefund] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    disputes: list[FoundDispute] = field(default_factory=list)
    disputed: int = -1

    @property
    def moved(self) -> int:
        """The amount that went back, or that is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status != "failed")

    @property
    def returned(self) -> int:
        """The amount that went back."""
        return sum(refund.amount for refund in self.refunds if refund.status == "succeeded")

    @property
    def refunded(self) -> int:
        """The number of refunds that have succeeded."""
        return sum(refund.status == "succeeded" for refund in self.refunds)

    @property
    def is_disputed(self) -> bool:
        """True if a dispute forbids its refund."""
        return any(dispute.status != "won" for dispute in self.disputes)

    @property
    def has_open_dispute(self) -> bool:
        """True if a dispute has not ended."""
        return any(dispute.status == "open" for dispute in self.disputes)

    @property
    def awaits_customer(self) -> bool:
        """True if its customer may still approve it."""
        return self.status == "action_required" or (
            self.status == "declined" and self.method == AUTHENTICATION_REQUIRED
        )


class Webhook(NamedTuple):
    """A report of the gateway that was not delivered yet.

    Attributes:
        id: Its id.
        payment: The payment.
        about: What it is about.
        labels: The payment's metadata; None if the report does not contain it, as that of a dispute.
        kept: Whether it is repeated until it is delivered, because nothing else tells the shop about the payment.
    """

    id: str
    payment: str
    about: About
    labels: Labels | None
    kept: bool


class MemoryGateway:
    """The gateway's payments by id, and the reports of their changes."""

    def __init__(self, clock: Clock) -> None:
        self.payments: dict[str, MemoryPayment] = {}
        self.outbox: list[Webhook] = []
        self.approvals_shown = 0
        self._clock = clock
        self._keys: dict[str, str] = {}
        self._reports = 0

    # The port

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        if amount.amount < MIN_AMOUNT:
            return Declined("amount_too_small")
        known = self._keys.get(order)
        if known is None or self.payments[known].opened + DAY <= self._clock():
            known = self._keys[order] = self._open(MemoryPayment(order, origin, amount, method, self._clock()))
        return Opened(known)

    def find(self, order: str, placed: int) -> str | None:
        if self._clock() - placed < KEYS_KEPT:
            return None
        return next((name for name, each in self.payments.items() if (each.order, each.stage) == (order, STAGE)), None)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        found = self.payments[payment]
        found.authorizations += 1
        if found.method == ERROR_ONCE and found.authorizations == 1:
            raise RetryableError("the gateway failed; nothing was reserved")
        if found.status == "open":
            match found.method:
                case "pm_card_declined":
                    self._change(payment, "declined", "ended")
                case "pm_card_authentication_required":
                    found.status = "action_required"
                case "pm_card_processing":
                    found.status = "processing"
                case _:
                    self._change(payment, "authorized", "authorized")
        _close(found)
        outcome = _outcome(found)
        if outcome is None:
            raise ValueError(f"the payment is {found.status}")
        return outcome

    def capture(self, payment: str) -> CaptureOutcome:
        found = self.payments[payment]
        if found.status == "authorized" and found.method == EXPIRES:
            self._change(payment, "expired", "ended")
        elif found.status == "authorized":
            found.captured += 1
            self._change(payment, "captured", "captured")
        outcome = _outcome(found)
        if isinstance(outcome, Captured | Declined | Voided | Returned):
            return outcome
        raise ValueError(f"the payment is {found.status}")

    def void(self, payment: str) -> VoidOutcome:
        found = self.payments[payment]
        if found.status == "processing":
            return Processing()
        if found.status == "captured":
            return Captured()
        if found.status != "voided":
            self._change(payment, "voided", "ended")
        return Voided()

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        found = self.payments[payment]
        known = next((refund for refund in found.refunds if refund.attempt == attempt), None)
        if known is None:
            left = found.amount.amount - found.moved
            asked = left if amount is None else amount.amount
            if attempt not in found.refused and (code := _refusal(found, asked, left)):
                found.refused[attempt] = code
            if attempt in found.refused:
                return NotRefunded(found.refused[attempt])
            if not asked:
                return Refunded(replace(found.amount, amount=0))
            known = MemoryRefund(attempt, asked, "succeeded")
            if found.method == REFUND_PENDING:
                known.status = "pending"
            elif found.method == REFUND_FAILS and not any(refund.attempt for refund in found.refunds):
                known.status, known.code = "failed", "expired_or_canceled_card"
            found.refunds.append(known)
            self._report(payment, "refund")
        return _refund_outcome(known, found.amount.currency)

    def inspect(self, payment: str) -> Inspection:
        found = self.payments[payment]
        _close(found)
        currency = found.amount.currency
        refunds = {refund.attempt: _refund_outcome(refund, currency) for refund in found.refunds if refund.attempt}
        return Inspection(_outcome(found), found.amount, refunds, tuple(found.disputes))

    def approval(self, payment: str) -> Approval | None:
        found = self.payments.get(payment)
        if found is None or found.status != "action_required":
            return None
        self.approvals_shown += 1
        return Approval("pk_simulated", f"{payment}{SECRET}{found.opened}", "https://bank.example/")

    def labels(self, payment: str) -> Labels | None:
        found = self.payments.get(payment)
        return Labels(found.order, found.origin) if found and found.stage == STAGE else None

    def disputed_since(self, time: int) -> Iterator[str]:
        return iter([payment for payment, found in self.payments.items() if found.disputed >= max(time, 0)])

    @property
    def is_disputed(self) -> bool:
        """True if a payment has a dispute."""
        return any(payment.disputes for payment in self.payments.values())

    # Customers

    def approve(self, payment: str) -> None:
        """Approve a payment, also one that was declined before, unless it was closed."""
        if self.payments[payment].awaits_customer:
            self._change(payment, "authorized", "authorized")

    def decline(self, payment: str) -> None:
        """Refuse to approve a payment."""
        if self.payments[payment].status == "action_required":
            self._change(payment, "declined", "ended")

    # The shop's staff, at the gateway's dashboard

    def withdraw(self, payment: str) -> None:
        """Release the reserved amount of a payment."""
        if self.payments[payment].status == "authorized":
            self._change(payment, "voided", "ended")

    def return_money(self, payment: str, amount: int) -> None:
        """Refund a part of a captured payment, or what is left of it."""
        found = self.payments[payment]
        amount = min(amount, found.amount.amount - found.moved)
        if found.status == "captured" and amount > 0 and not found.is_disputed:
            found.refunds.append(MemoryRefund("", amount, "succeeded"))
            self._report(payment, "refund")

    def pay_again(self, of: str, *, captured: bool) -> str:
        """Open and authorize another payment of a payment's order, and perhaps capture it."""
        first = self.payments[of]
        method = VISA if first.method == DISPUTED else first.method
        payment = self._open(MemoryPayment(first.order, first.origin, first.amount, method, self._clock()))
        self.payments[payment].captured = int(captured)
        self._change(payment, "captured" if captured else "authorized", "captured" if captured else "authorized", True)
        return payment

    def pay_elsewhere(self, order: str, amount: Money) -> str:
        """Add a disputed payment of another stage, and a report about a payment that nobody knows."""
        origin = Origin("elsewhere", "")
        payment = self._open(MemoryPayment(order, origin, amount, VISA, self._clock(), "other", "captured", 0, 1))
        self.dispute(payment)
        self._report("pay_unknown", "dispute")
        return payment

    # Banks

    def undecided(self, *, disputes: bool = True) -> list[str]:
        """Return the payments about which a bank has still to decide; for an open dispute only if `disputes` says."""
        own = ((payment, each) for payment, each in self.payments.items() if each.stage == STAGE)
        return [payment for payment, each in own if _is_undecided(each) or (disputes and each.has_open_dispute)]

    def decide(self, payment: str, *, well: bool) -> None:
        """Let the bank decide about a payment, its refund or its dispute, for the better or the worse."""
        found = self.payments[payment]
        pending = next((refund for refund in found.refunds if refund.status == "pending"), None)
        returned = next((refund for refund in found.refunds if _comes_back(found, refund)), None)
        dispute = next((n for n, dispute in enumerate(found.disputes) if dispute.status == "open"), None)
        if found.status == "processing":
            self._change(payment, "authorized" if well else "declined", "authorized" if well else "ended")
        elif pending:
            pending.status, pending.code = ("succeeded", "") if well else ("failed", "declined")
            self._report(payment, "refund")
        elif returned:
            returned.status, returned.code = "failed", "lost_or_stolen_card"
            self._report(payment, "refund")
        elif dispute is not None:
            found.disputes[dispute] = replace(found.disputes[dispute], status="won" if well else "lost")
            self._report(payment, "dispute")
        elif found.method == DISPUTED and not found.disputes and found.status == "captured":
            self.dispute(payment)

    def dispute(self, payment: str) -> None:
        """Begin a dispute of a captured payment."""
        found = self.payments[payment]
        found.disputes.append(FoundDispute(f"dp_{payment}", found.amount, "fraudulent", "open"))
        found.disputed = self._clock()
        self._report(payment, "dispute")

    # Changes

    def _open(self, payment: MemoryPayment) -> str:
        name = f"pay_{len(self.payments) + 1}"
        self.payments[name] = payment
        return name

    def _change(self, payment: str, status: Status, about: About, kept: bool = False) -> None:
        self.payments[payment].status = status
        self._report(payment, about, kept)

    def _report(self, payment: str, about: About, kept: bool = False) -> None:
        self._reports += 1
        labels = None if about == "dispute" else self.labels(payment)
        self.outbox.append(Webhook(f"evt_{self._reports}", payment, about, labels, kept))


def _close(payment: MemoryPayment) -> None:
    if payment.status == "declined" and payment.awaits_customer:
        payment.status = "closed"


def _refusal(payment: MemoryPayment, asked: int, left: int) -> str:
    if payment.status != "captured":
        return "not_captured"
    if payment.is_disputed:
        return "charge_disputed"
    return TOO_MUCH if asked > left else ""


def _comes_back(payment: MemoryPayment, refund: MemoryRefund) -> bool:
    return payment.method == REFUND_RETURNED and refund.attempt.endswith("/1") and refund.status == "succeeded"


def _is_undecided(payment: MemoryPayment) -> bool:
    return (
        payment.status == "processing"
        or any(refund.status == "pending" or _comes_back(payment, refund) for refund in payment.refunds)
        or (payment.method == DISPUTED and payment.status == "captured" and not payment.disputes)
    )


def _outcome(payment: MemoryPayment) -> AuthorizationOutcome | None:
    match payment.status:
        case "open":
            return None
        case "action_required":
            return ActionRequired()
        case "processing":
            return Processing()
        case "authorized":
            return Authorized()
        case "captured":
            return Returned(payment.amount) if payment.returned == payment.amount.amount else Captured()
        case "voided":
            return Voided()
        case "expired":
            return Declined(AUTHORIZATION_EXPIRED)
        case "declined" | "closed":
            asked = payment.method == AUTHENTICATION_REQUIRED
            return Declined(AUTHENTICATION_FAILED if asked else "card_declined")


def _refund_outcome(refund: MemoryRefund, currency: str) -> RefundOutcome:
    match refund.status:
        case "pending":
            return RefundPending()
        case "succeeded":
            return Refunded(Money(refund.amount, currency))
        case "failed":
            return NotRefunded(refund.code)
