"""The recovery of payment: the payment of an order once each of its events was announced.

A payment that was opened and has announced nothing is known to the gateway only. It is adopted from there, so that a
cancellation finds it. Of several payments of an order, the first is the one that the shop has opened.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_processing import PaymentProcessing
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.payment.refund_settled import RefundSettled
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from contracts.values.money import Money
from functions.payment.gateway import PaymentPort
from functions.payment.handlers import UNCAPTURED
from functions.payment.service import service
from functions.payment.state import Dispute, DisputeStatus, Payment, Refund, scheduled, with_refund
from tidings.core.decisions import Decision, Perform, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.recovery import Recovery, recall

Cause = Event[Any] | None

# The payment at the gateway


class Find(Struct, frozen=True):
    """The request for the payment that was opened for an order, at any time."""

    order: str

    def perform(self, port: PaymentPort) -> str | None:
        """Find the payment."""
        return port.gateway.find(self.order, placed=0)


def _adopt(entity: Entity[Payment], inputs: Sequence[Event[Any]]) -> Perform[Payment] | None:
    placed = next((event.data for event in inputs if isinstance(event.data, OrderPlaced)), None)
    if entity.state is not None or placed is None or placed.total.amount == 0:
        return None
    return Perform(Find(entity.key), partial(_after_find, placed))


def _after_find(placed: OrderPlaced, _entity: Entity[Payment], found: str | None) -> Decision[Payment]:
    return Save(Payment("authorizing", found, placed.total, placed.customer)) if found else Skip()


# The announced events


def _known(payment: Payment | None, name: str | None, amount: Money, cause: Cause) -> Payment:
    """Return what is known of a payment, also if its order was handled after the snapshot."""
    if payment and payment.status != "forbidden":
        return payment if payment.id or not name else replace(payment, id=name)
    customer = cause.data.customer if cause and isinstance(cause.data, OrderPlaced) else ""
    return Payment("authorizing", name or "", amount, customer)


# Authorization and capture


def _after_not_needed(payment: Payment | None, event: Event[PaymentNotNeeded], cause: Cause) -> Payment:
    return replace(_known(payment, None, event.data.amount, cause), status="not_needed")


def _after_action_required(payment: Payment | None, event: Event[PaymentActionRequired], cause: Cause) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    return scheduled(replace(known, status="action_required", since=event.time), event.millis)


def _after_processing(payment: Payment | None, event: Event[PaymentProcessing], cause: Cause) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    cancelled = known.cancelled or (cause is not None and isinstance(cause.data, OrderCancelled))
    waiting = replace(known, status="processing", since=known.since or event.time, cancelled=cancelled)
    return scheduled(waiting, event.millis)


def _after_authorized(payment: Payment | None, event: Event[PaymentAuthorized], cause: Cause) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    return scheduled(replace(known, status="authorized", since=""), event.millis)


def _after_captured(payment: Payment | None, event: Event[PaymentCaptured], cause: Cause) -> Payment:
    return replace(_known(payment, event.data.payment, event.data.amount, cause), status="captured", since="")


def _after_failed(payment: Payment | None, event: Event[PaymentFailed], cause: Cause) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    return scheduled(replace(known, status="failed", since=""), event.millis)


def _after_voided(payment: Payment | None, event: Event[PaymentVoided], cause: Cause) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    return scheduled(replace(known, status="voided", since="", cancelled=False), event.millis)


# Refunds


def _after_requested(payment: Payment | None, event: Event[RefundRequested], cause: Cause) -> Payment:
    data = event.data
    known = _known(payment, data.payment, data.amount, cause)
    if data.reason == "cancelled" and known.status in UNCAPTURED:
        # Its money was found to have moved when it was to be voided.
        known = replace(known, status="captured", since="", cancelled=False)
    rest = data.reason in ("cancelled", "unexpected")
    refund = Refund(data.refund, data.payment, data.amount, data.reason, event.time, attempt=data.attempt, rest=rest)
    return scheduled(with_refund(known, refund), event.millis)


def _after_refunded(payment: Payment | None, event: Event[PaymentRefunded], cause: Cause) -> Payment:
    return _with_end(payment, event, cause, status="succeeded", amount=event.data.amount)


def _after_refund_failed(payment: Payment | None, event: Event[RefundFailed], cause: Cause) -> Payment:
    return _with_end(payment, event, cause, status="failed", code=event.data.code)


def _after_settled(payment: Payment | None, event: Event[RefundSettled], cause: Cause) -> Payment:
    return _with_end(payment, event, cause, status="settled", amount=event.data.amount)


def _with_end(payment: Payment | None, event: Event[Any], cause: Cause, **end: Any) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    refund = known.refund(event.data.refund)
    if refund is None:
        # It was made at the gateway's own dashboard, and is no refund of the shop.
        return known
    return scheduled(with_refund(known, replace(refund, at=event.time, **end)), event.millis)


# Disputes and unexpected payments


def _after_disputed(payment: Payment | None, event: Event[PaymentDisputed], cause: Cause) -> Payment:
    return _with_dispute(payment, event, cause, "open")


def _after_dispute_closed(payment: Payment | None, event: Event[DisputeClosed], cause: Cause) -> Payment:
    return _with_dispute(payment, event, cause, event.data.outcome)


def _with_dispute(payment: Payment | None, event: Event[Any], cause: Cause, status: DisputeStatus) -> Payment:
    known = _known(payment, event.data.payment, event.data.amount, cause)
    disputes = {dispute.id: dispute.status for dispute in known.disputes} | {event.data.dispute: status}
    return scheduled(
        replace(known, disputes=tuple(Dispute(name, each) for name, each in disputes.items())), event.millis
    )


def _after_unexpected(payment: Payment | None, event: Event[UnexpectedPaymentFound], cause: Cause) -> Payment:
    return payment or _known(payment, None, event.data.amount, cause)


recovery = Recovery(
    service=service,
    recalls=(
        recall(PaymentNotNeeded, _after_not_needed),
        recall(PaymentActionRequired, _after_action_required),
        recall(PaymentProcessing, _after_processing),
        recall(PaymentAuthorized, _after_authorized),
        recall(PaymentCaptured, _after_captured),
        recall(PaymentFailed, _after_failed),
        recall(PaymentVoided, _after_voided),
        # The gateway is asked after the refund was announced, and a payment is released after it was.
        recall(RefundRequested, _after_requested, completes=False),
        recall(UnexpectedPaymentFound, _after_unexpected, completes=False),
        recall(PaymentRefunded, _after_refunded),
        recall(RefundFailed, _after_refund_failed),
        recall(RefundSettled, _after_settled),
        recall(PaymentDisputed, _after_disputed),
        recall(DisputeClosed, _after_dispute_closed),
    ),
    adopt=_adopt,
)
