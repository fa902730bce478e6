"""The payment of an order: decided by the stored payment and by what the gateway answers.

The amount is authorized when the order is placed, and captured when the order is confirmed.
"""

from functools import partial
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.values.money import Money
from functions.payment.gateway import (
    AuthorizationOutcome,
    Authorize,
    Authorized,
    Cancel,
    Cancelled,
    Capture,
    Captured,
    CaptureOutcome,
    Declined,
    NotRefunded,
    Open,
    Opened,
    Refunded,
    RefundPending,
    Voided,
)
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event

Status = Literal[
    "forbidden",
    "not_needed",
    "authorizing",
    "authorized",
    "captured",
    "failed",
    "voided",
    "refunding",
    "refunded",
    "refund_failed",
]


class Payment(Struct, frozen=True, omit_defaults=True):
    """The payment of an order.

    `forbidden` is a tombstone: the order was cancelled before a payment was opened. `not_needed` is that of an order
    that costs nothing. `refunding` means that a refund is under way, `since` when its order was cancelled.
    """

    status: Status
    id: str = ""
    amount: Money | None = None
    since: str = ""


# Authorization


def on_order_placed(entity: Entity[Payment], event: Event[OrderPlaced]) -> Decision[Payment]:
    """Open a payment, store its id, have its amount reserved, and record the outcome."""
    payment, order = entity.state, event.data
    if payment is None and order.total.amount == 0:
        return Save(Payment("not_needed", amount=order.total), (PaymentNotNeeded(amount=order.total),))
    if payment is None:
        return Perform(Open(entity.key, order.total, order.payment_method), partial(_after_open, event))
    if payment.status != "authorizing":
        return Skip()
    return Perform(Authorize(payment.id), _after_authorize)


def _after_open(event: Event[OrderPlaced], entity: Entity[Payment], outcome: Opened | Declined) -> Decision[Payment]:
    payment, amount = entity.state, event.data.total
    if payment is None and isinstance(outcome, Declined):
        return Save(Payment("failed", amount=amount), (PaymentFailed(amount=amount, code=outcome.code),))
    if payment is None and isinstance(outcome, Opened):
        intent = Payment("authorizing", outcome.payment, amount)
        return Reserve(intent, Authorize(outcome.payment), _after_authorize, repeatable=True)
    if payment and payment.status == "forbidden" and isinstance(outcome, Opened):
        # The order was cancelled while the payment was being opened.
        return Perform(Cancel(outcome.payment), lambda _entity, _outcome: Skip())
    return on_order_placed(entity, event)


def _after_authorize(entity: Entity[Payment], outcome: AuthorizationOutcome) -> Decision[Payment]:
    payment = entity.state
    if payment is None or payment.status != "authorizing":
        return Skip()
    match outcome:
        case Authorized() | Captured():
            # A payment that was captured at the gateway's own dashboard is found captured once the order is confirmed.
            announcement = PaymentAuthorized(payment=payment.id, amount=_amount(payment))
            return Save(replace(payment, status="authorized"), (announcement,))
        case _:
            return _fail(payment, outcome)


# Capture


def on_order_confirmed(entity: Entity[Payment], _event: Event[OrderConfirmed]) -> Decision[Payment]:
    """Capture an authorized payment, and record the outcome.

    Raises:
        PermanentError: If no payment is known, although an order is only confirmed when its payment is authorized.
    """
    payment = entity.state
    if payment is None:
        raise PermanentError("unknown-payment", f"no payment of the order {entity.key} was ever authorized")
    return Perform(Capture(payment.id), _after_capture) if payment.status == "authorized" else Skip()


def _after_capture(entity: Entity[Payment], outcome: CaptureOutcome) -> Decision[Payment]:
    payment = entity.state
    if payment is None or payment.status != "authorized":
        return Skip()
    if isinstance(outcome, Captured):
        announcement = PaymentCaptured(payment=payment.id, amount=_amount(payment))
        return Save(replace(payment, status="captured"), (announcement,))
    return _fail(payment, outcome)


def _fail(payment: Payment, outcome: Declined | Voided | Refunded) -> Decision[Payment]:
    """Record that a payment has come to nothing, so that its order is cancelled."""
    match outcome:
        case Declined(code):
            return Save(replace(payment, status="failed"), (_failed(payment, code),))
        case Voided():
            return Save(replace(payment, status="failed"), (_failed(payment, "voided"),))
        case Refunded(amount):
            announce = (PaymentRefunded(payment=payment.id, amount=amount), _failed(payment, "refunded"))
            return Save(replace(payment, status="refunded"), announce)


# Cancellation


def on_order_cancelled(entity: Entity[Payment], event: Event[OrderCancelled]) -> Decision[Payment]:
    """Void a payment whose money has not moved, refund one whose money has, or leave a tombstone."""
    payment = entity.state
    if payment is None:
        return Save(Payment("forbidden"))
    return Perform(Cancel(payment.id), partial(_after_cancel, event.time)) if _is_open(payment) else Skip()


def check_refund(entity: Entity[Payment]) -> Decision[Payment]:
    """Look again at a refund that was under way, and record its outcome."""
    payment = entity.state
    if payment is None or payment.status != "refunding":
        return Skip()
    return Perform(Cancel(payment.id), partial(_after_cancel, payment.since))


def _after_cancel(since: str, entity: Entity[Payment], outcome: Cancelled) -> Decision[Payment]:
    payment = entity.state
    if payment is None or not (_is_open(payment) or payment.status == "refunding"):
        return Skip()
    amount = _amount(payment)
    match outcome:
        case Voided():
            return Save(replace(payment, status="voided"), (PaymentVoided(payment=payment.id, amount=amount),))
        case Refunded(returned):
            return Save(replace(payment, status="refunded"), (PaymentRefunded(payment=payment.id, amount=returned),))
        case NotRefunded(code):
            announcement = RefundFailed(payment=payment.id, amount=amount, code=code)
            return Save(replace(payment, status="refund_failed"), (announcement,))
        case RefundPending():
            return Skip() if payment.status == "refunding" else Save(replace(payment, status="refunding", since=since))


def _is_open(payment: Payment) -> bool:
    return payment.status in ("authorizing", "authorized", "captured")


# Events


def _failed(payment: Payment, code: str) -> PaymentFailed:
    return PaymentFailed(payment=payment.id, amount=_amount(payment), code=code)


def _amount(payment: Payment) -> Money:
    """Return the amount of a payment that was opened.

    Raises:
        LookupError: If it has none.
    """
    if payment.amount is None:
        raise LookupError(f"a payment that is {payment.status} has no amount")
    return payment.amount
