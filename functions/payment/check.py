"""The check of a payment: the gateway is asked what it knows, and its answer is recorded.

A schedule checks what waits, and a report of the gateway has its payment checked at once. The payment's state
at the gateway decides, and not the report.
"""

from functools import partial

from msgspec.structs import replace

from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from functions.payment.gateway import (
    Authorized,
    Captured,
    Declined,
    FoundDispute,
    Inspect,
    Inspection,
    Returned,
    Void,
    Voided,
    VoidOutcome,
)
from functions.payment.handlers import after_void, fail, follow_authorization
from functions.payment.refunds import begin_refund, continue_refund, follow_refund
from functions.payment.reports import About, PaymentReported, Readdress, UnaddressedReport
from functions.payment.state import Dispute, Payment, attempt_of, due_at, scheduled
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event

# Reports


def on_unaddressed_report(entity: Entity[Payment], event: Event[UnaddressedReport]) -> Decision[Payment]:
    """Ask the gateway for the order of a reported payment, and send the report again under that order."""
    return Perform(Readdress(entity.key, event.data.about, event.id, event.time), lambda _entity, _sent: Skip())


def on_payment_reported(entity: Entity[Payment], event: Event[PaymentReported]) -> Decision[Payment]:
    """Check the reported payment, if the report can concern it.

    Raises:
        PermanentError: If the order has no payment here, although the gateway has one of it.
    """
    payment = entity.state
    if payment is None:
        raise PermanentError("unknown-payment", f"the gateway has a payment of the order {entity.key}, which has none")
    if event.data.payment == payment.id and not _concerns(payment, event.data.about):
        return Skip()
    return check(entity, event.data.payment, event.millis)


def _concerns(payment: Payment, about: About) -> bool:
    """Return whether a report can change the order's payment. Most reports only repeat what the gateway answered."""
    match about:
        case "authorized" | "captured":
            return payment.status in ("action_required", "processing", "failed", "voided")
        case "ended":
            return payment.status in ("action_required", "processing", "authorized")
        case "refund" | "dispute":
            return payment.status in ("authorized", "captured", "failed", "voided")


# The check


def check(entity: Entity[Payment], of: str, now: int) -> Decision[Payment]:
    """Ask the gateway what it knows about one of an order's payments, and record it.

    Args:
        entity: The entity.
        of: The gateway's id of the payment.
        now: The time in milliseconds since 1970.
    """
    payment = entity.state
    if payment is None:
        return Skip()
    if payment.cancelled and of == payment.id:
        return Perform(Void(of), partial(after_void, now))
    return Perform(Inspect(of), partial(_after_inspect, payment, of, now))


def _after_inspect(before: Payment, of: str, now: int, entity: Entity[Payment], found: Inspection) -> Decision[Payment]:
    payment = entity.state
    if payment is None or payment != before:
        # The answer may be older than the payment, such as one that has been voided meanwhile.
        return check(entity, of, now)
    own = of == payment.id
    match payment.status:
        case "action_required" | "processing" if own and found.outcome is not None:
            return follow_authorization(payment, found.outcome, now)
        case "authorized" if own:
            return _follow_reserved(payment, of, found, now)
        case "captured" if own:
            return _follow_money(entity.key, payment, of, found, now)
        case "authorizing" if own:
            return Skip()
    if any(refund.payment == of for refund in payment.refunds):
        return _follow_money(entity.key, payment, of, found, now)
    return _reverse(entity, payment, of, found, now)


def _follow_reserved(payment: Payment, of: str, found: Inspection, now: int) -> Decision[Payment]:
    """Fail a payment whose reserved amount has expired, or was released or returned at the gateway's own dashboard.

    Record the disputes of one whose money has moved, although its capture is not recorded yet.
    """
    if isinstance(found.outcome, Declined | Voided | Returned):
        return fail(payment, found.outcome, now)
    return _record_disputes(payment, of, found, now)


def _follow_money(order: str, payment: Payment, of: str, found: Inspection, now: int) -> Decision[Payment]:
    """Record what became of a payment's refunds and disputes, and make a refund that is not made yet."""
    followed, announce = _follow_disputes(payment, of, found.disputes)
    missing = None
    for refund in payment.refunds:
        outcome = found.refunds.get(attempt_of(order, refund)) if refund.payment == of else None
        if outcome is not None:
            followed, announced = follow_refund(followed, refund, outcome, now)
            announce += announced
        elif refund.payment == of and refund.status == "pending":
            missing = missing or refund
    if missing:
        return continue_refund(order, followed, missing, now, announce)
    return _record(payment, followed, announce, now)


def _record_disputes(payment: Payment, of: str, found: Inspection, now: int) -> Decision[Payment]:
    return _record(payment, *_follow_disputes(payment, of, found.disputes), now)


def _record(payment: Payment, followed: Payment, announce: tuple[Contract, ...], now: int) -> Decision[Payment]:
    """Save what was found, and when to look again. Write nothing before the payment is due, if nothing was found."""
    if not announce and due_at(payment) > now:
        return Skip()
    followed = scheduled(followed, now)
    return Save(followed, announce) if followed != payment else Skip()


def _follow_disputes(
    payment: Payment, of: str, found: tuple[FoundDispute, ...]
) -> tuple[Payment, tuple[Contract, ...]]:
    known = {dispute.id: dispute.status for dispute in payment.disputes}
    announce: tuple[Contract, ...] = ()
    for each in found:
        before = known.get(each.id)
        if before is None:
            announce += (PaymentDisputed(payment=of, dispute=each.id, amount=each.amount, reason=each.reason),)
        if each.status != "open" and before in (None, "open"):
            announce += (DisputeClosed(payment=of, dispute=each.id, amount=each.amount, outcome=each.status),)
        if before in (None, "open"):
            known[each.id] = each.status
    disputes = tuple(Dispute(name, status) for name, status in known.items())
    return replace(payment, disputes=disputes), announce


# Unexpected payments


def _reverse(entity: Entity[Payment], payment: Payment, of: str, found: Inspection, now: int) -> Decision[Payment]:
    """Release or refund a payment that the order does not account for. Announce it once."""
    unexpected = UnexpectedPaymentFound(payment=of, amount=found.amount)
    announce = () if _is_announced(entity, unexpected) else (unexpected,)
    match found.outcome:
        case Authorized():
            # It is announced first, because a released payment is not found again.
            return Reserve(payment, Void(of), partial(_after_reverse, of, now), announce, repeatable=True)
        case Captured():
            name = f"unexpected-{of}"[:64]
            return begin_refund(entity.key, payment, name, "unexpected", found.amount, now, of=of, announce=announce)
        case _ if of == payment.id:
            # All of it may have been returned at the gateway's own dashboard before its capture was recorded.
            return _record_disputes(payment, of, found, now)
        case _:
            return Skip()


def _after_reverse(of: str, now: int, entity: Entity[Payment], outcome: VoidOutcome) -> Decision[Payment]:
    return Skip() if isinstance(outcome, Voided) else check(entity, of, now)


def _is_announced(entity: Entity[Payment], unexpected: UnexpectedPaymentFound) -> bool:
    return any(
        event.head.type == UnexpectedPaymentFound.__name__ and event.read(UnexpectedPaymentFound).data == unexpected
        for event in entity.outbox
    )
