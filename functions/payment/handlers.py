"""The payment of an order: decided by the stored payment and by what the gateway answers.

The amount is authorized when the order is placed, and captured when the order is confirmed.
"""

from functools import partial

from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_processing import PaymentProcessing
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from functions.payment.gateway import (
    ActionRequired,
    AuthorizationOutcome,
    Authorize,
    Authorized,
    Capture,
    Captured,
    CaptureOutcome,
    Declined,
    Open,
    Opened,
    Origin,
    Processing,
    Returned,
    Void,
    Voided,
    VoidOutcome,
)
from functions.payment.refunds import begin_refund, continue_refund
from functions.payment.state import CANCELLATION, DASHBOARD, Payment, scheduled
from tidings.core.clock import to_rfc3339
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event

UNCAPTURED = ("authorizing", "action_required", "processing", "authorized")
"""The statuses of a payment that was begun, and whose money has not moved."""

# Authorization


def on_order_placed(entity: Entity[Payment], event: Event[OrderPlaced]) -> Decision[Payment]:
    """Open a payment, store its id, have its amount reserved, and record the outcome."""
    payment, order = entity.state, event.data
    if payment is None and order.total.amount == 0:
        free = Payment("not_needed", amount=order.total, customer=order.customer)
        return Save(free, (PaymentNotNeeded(amount=order.total),))
    if payment is None:
        origin = Origin(event.correlationid, event.traceparent)
        opening = Open(entity.key, order.total, order.payment_method, origin, event.millis)
        return Perform(opening, partial(_after_open, event))
    if payment.status != "authorizing":
        return Skip()
    return Perform(Authorize(payment.id), partial(_after_authorize, event.millis))


def _after_open(event: Event[OrderPlaced], entity: Entity[Payment], outcome: Opened | Declined) -> Decision[Payment]:
    payment, amount, customer = entity.state, event.data.total, event.data.customer
    if payment is None and isinstance(outcome, Declined):
        failed = Payment("failed", amount=amount, customer=customer)
        return Save(failed, (PaymentFailed(amount=amount, code=outcome.code),))
    if payment is None and isinstance(outcome, Opened):
        intent = Payment("authorizing", outcome.payment, amount, customer)
        then = partial(_after_authorize, event.millis)
        return Reserve(intent, Authorize(outcome.payment), then, repeatable=True)
    if payment and payment.status == "forbidden" and isinstance(outcome, Opened):
        # The order was cancelled while the payment was being opened.
        return Perform(Void(outcome.payment), lambda _entity, _outcome: Skip())
    return on_order_placed(entity, event)


def _after_authorize(now: int, entity: Entity[Payment], outcome: AuthorizationOutcome) -> Decision[Payment]:
    payment = entity.state
    return follow_authorization(payment, outcome, now) if payment and payment.status == "authorizing" else Skip()


def follow_authorization(payment: Payment, outcome: AuthorizationOutcome, now: int) -> Decision[Payment]:
    """Record what became of an authorization that is under way.

    Args:
        payment: The payment, which is being authorized.
        outcome: What the gateway says about it.
        now: The time in milliseconds since 1970.
    """
    match outcome:
        case Authorized() | Captured():
            # A payment that was captured at the gateway's own dashboard is found captured once the order is confirmed.
            announcement = PaymentAuthorized(payment=payment.id, amount=payment.total)
            return Save(scheduled(replace(payment, status="authorized", since=""), now), (announcement,))
        case ActionRequired():
            if payment.status == "action_required":
                return Save(scheduled(payment, now))
            waiting = replace(payment, status="action_required", since=to_rfc3339(now))
            return Save(scheduled(waiting, now), (PaymentActionRequired(payment=payment.id, amount=payment.total),))
        case Processing():
            if payment.status == "processing":
                return Save(scheduled(payment, now))
            waiting = replace(payment, status="processing", since=to_rfc3339(now))
            return Save(scheduled(waiting, now), (_processing(payment),))
        case _:
            return fail(payment, outcome, now)


# Capture


def on_order_confirmed(entity: Entity[Payment], event: Event[OrderConfirmed]) -> Decision[Payment]:
    """Capture an authorized payment, and record the outcome.

    Raises:
        PermanentError: If no authorization is known, although an order is only confirmed when its payment is
            authorized.
    """
    payment = entity.state
    if payment and payment.status == "authorized":
        return Perform(Capture(payment.id), partial(_after_capture, event.millis))
    if payment is None or (payment.status in UNCAPTURED and not payment.cancelled):
        raise PermanentError("unknown-payment", f"no payment of the order {entity.key} was ever authorized")
    return Skip()


def _after_capture(now: int, entity: Entity[Payment], outcome: CaptureOutcome) -> Decision[Payment]:
    payment = entity.state
    if payment is None or payment.status != "authorized":
        return Skip()
    if isinstance(outcome, Captured):
        announcement = PaymentCaptured(payment=payment.id, amount=payment.total)
        return Save(replace(payment, status="captured"), (announcement,))
    return fail(payment, outcome, now)


def fail(payment: Payment, outcome: Declined | Voided | Returned, now: int) -> Decision[Payment]:
    """Record that a payment has come to nothing, so that its order is cancelled.

    Args:
        payment: The payment.
        outcome: What the gateway says about it.
        now: The time in milliseconds since 1970.
    """
    failed = scheduled(replace(payment, status="failed", since=""), now)
    match outcome:
        case Declined(code):
            return Save(failed, (_failed(payment, code),))
        case Voided():
            return Save(failed, (_failed(payment, "voided"),))
        case Returned(amount):
            # The shop's staff returned all of it at the gateway's own dashboard.
            refunded = PaymentRefunded(payment=payment.id, refund=DASHBOARD, amount=amount)
            return Save(failed, (refunded, _failed(payment, "refunded")))


# Cancellation


def on_order_cancelled(entity: Entity[Payment], event: Event[OrderCancelled]) -> Decision[Payment]:
    """Void a payment whose money has not moved, refund one whose money has, or leave a tombstone."""
    return _cancel(event.millis, entity)


def _cancel(now: int, entity: Entity[Payment]) -> Decision[Payment]:
    payment = entity.state
    if payment is None:
        return Save(Payment("forbidden"))
    if payment.status in UNCAPTURED:
        return Perform(Void(payment.id), partial(after_void, now))
    if payment.status != "captured":
        return Skip()
    refund = payment.refund(CANCELLATION)
    if refund is None:
        return begin_refund(entity.key, payment, CANCELLATION, "cancelled", None, now)
    return continue_refund(entity.key, payment, refund, now) if refund.status == "pending" else Skip()


def after_void(now: int, entity: Entity[Payment], outcome: VoidOutcome) -> Decision[Payment]:
    """Record that the payment of a cancelled order was voided; if its money has moved, refund it.

    Args:
        now: The time in milliseconds since 1970.
        entity: The entity.
        outcome: What became of the payment.
    """
    payment = entity.state
    if payment is None or payment.status not in UNCAPTURED:
        # Another delivery was first. It may have captured the payment.
        return _cancel(now, entity)
    match outcome:
        case Voided():
            voided = scheduled(replace(payment, status="voided", since="", cancelled=False), now)
            return Save(voided, (PaymentVoided(payment=payment.id, amount=payment.total),))
        case Captured():
            captured = replace(payment, status="captured", since="", cancelled=False)
            return begin_refund(entity.key, captured, CANCELLATION, "cancelled", None, now)
        case Processing():
            since = payment.since or to_rfc3339(now)
            waiting = scheduled(replace(payment, status="processing", since=since, cancelled=True), now)
            # The answer may be older than the authorization that was announced meanwhile.
            known = payment.status in ("processing", "authorized")
            return Save(waiting, () if known else (_processing(payment),))


def _processing(payment: Payment) -> PaymentProcessing:
    return PaymentProcessing(payment=payment.id, amount=payment.total)


def _failed(payment: Payment, code: str) -> PaymentFailed:
    return PaymentFailed(payment=payment.id, amount=payment.total, code=code)
