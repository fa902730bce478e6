"""The refunds of a payment, from the request of an operator or a cancellation to their outcome."""

from functools import partial

from msgspec.structs import replace

from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.payment.refund_settled import RefundSettled
from contracts.values.money import Money, format_money
from contracts.values.refund import OperatorsReason, RefundReason
from functions.payment.gateway import MakeRefund, NotRefunded, Refunded, RefundOutcome, RefundPending
from functions.payment.state import MAX_REFUNDS, Payment, Refund, RefundStatus, attempt_of, scheduled, with_refund
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Perform, Reject, Reserve, Save, Skip
from tidings.core.entity import Entity

# Operators' commands. They record what is to be done. The consumer calls the gateway, and a schedule asks it to.


def request_refund(
    entity: Entity[Payment], name: str, amount: Money, reason: OperatorsReason, now: int
) -> Decision[Payment]:
    """Record that a part of a captured payment is to be refunded.

    Args:
        entity: The payment.
        name: The refund's name. A repeat with the same name, amount and reason changes nothing.
        amount: The amount.
        reason: The operator's reason.
        now: The time in milliseconds since 1970.
    """
    payment = entity.state
    if payment is None or payment.status != "captured":
        return Reject("not_captured", "The payment of this order was not captured, so there is nothing to refund.")
    known = payment.refund(name)
    if known is not None:
        same = (known.amount, known.reason) == (amount, reason)
        return Skip() if same else Reject("key_taken", "Another refund of this order has this key. Send a new key.")
    if len(payment.refunds) >= MAX_REFUNDS:
        return Reject("too_many", f"An order has {MAX_REFUNDS} refunds at most.")
    if refusal := _exceeds(payment, amount):
        return refusal
    refund = Refund(name, payment.id, amount, reason, to_rfc3339(now))
    return Save(_recorded(payment, refund, now), (_requested(refund),))


def retry_refund(entity: Entity[Payment], name: str, now: int) -> Decision[Payment]:
    """Record that a failed refund is to be tried again, under a new attempt. A repeat changes nothing.

    Args:
        entity: The payment.
        name: The refund's name.
        now: The time in milliseconds since 1970.
    """
    found = _failed(entity, name, done="pending")
    if not isinstance(found, tuple):
        return found
    payment, refund = found
    due = _still_due(payment, refund)
    if isinstance(due, Reject):
        return due
    again = replace(due, status="pending", attempt=due.attempt + 1, at=to_rfc3339(now), code="")
    return Save(_recorded(payment, again, now), (_requested(again),))


def settle_refund(entity: Entity[Payment], name: str, now: int) -> Decision[Payment]:
    """Record that an operator returned the money of a failed refund in another way.

    If less is left of the payment than the refund's amount, because other refunds returned the rest, what is left is
    settled. So a failed refund can always be settled.

    Args:
        entity: The payment.
        name: The refund's name.
        now: The time in milliseconds since 1970.
    """
    found = _failed(entity, name, done="settled")
    if not isinstance(found, tuple):
        return found
    payment, refund = found
    amount = refund.amount
    if refund.payment == payment.id and amount.amount > payment.left.amount:
        amount = payment.left
    settled = replace(refund, status="settled", amount=amount, at=to_rfc3339(now))
    announcement = RefundSettled(payment=refund.payment, refund=name, amount=amount)
    return Save(_recorded(payment, settled, now), (announcement,))


def _failed(entity: Entity[Payment], name: str, done: RefundStatus) -> tuple[Payment, Refund] | Skip | Reject:
    """Return the payment and its failed refund, or the decision on a command that needs one.

    Args:
        entity: The payment.
        name: The refund's name.
        done: The status that an earlier request with the same command has left.
    """
    payment = entity.state
    refund = payment.refund(name) if payment else None
    if payment is None or refund is None:
        return Reject("unknown", "The order has no refund of this name.")
    if refund.status == done:
        return Skip()
    if refund.status != "failed":
        return Reject("not_failed", f"The refund has not failed; it is {refund.status}.")
    return payment, refund


def _still_due(payment: Payment, refund: Refund) -> Refund | Reject:
    """Return a failed refund with the amount that must go back now, if so much is left of the payment."""
    if refund.payment != payment.id:
        return refund
    if refund.rest and payment.left.amount:
        return replace(refund, amount=payment.left)
    return _exceeds(payment, refund.amount) or refund


def _exceeds(payment: Payment, amount: Money) -> Reject | None:
    left = payment.left
    if amount.currency != left.currency:
        return Reject("currency", f"The payment was made in {left.currency}.")
    if amount.amount > left.amount:
        return Reject("too_much", f"The payment has {format_money(left)} left to refund.")
    return None


# Refunds as the consumer makes them


def begin_refund(
    order: str,
    payment: Payment,
    name: str,
    reason: RefundReason,
    amount: Money | None,
    now: int,
    *,
    of: str = "",
    announce: tuple[Contract, ...] = (),
) -> Decision[Payment]:
    """Record a refund of all that is left of a payment, and make it.

    Args:
        order: The order's id.
        payment: The order's payment.
        name: The refund's name.
        reason: Why the money goes back.
        amount: The amount that is expected to go back; None for what is left of the order's payment.
        now: The time in milliseconds since 1970.
        of: The gateway's id of the payment that is refunded; the order's payment by default.
        announce: Events to announce with the refund.
    """
    expected = payment.left if amount is None else amount
    refund = Refund(name, of or payment.id, expected, reason, to_rfc3339(now), rest=True)
    return _reserve(order, payment, refund, now, (*announce, _requested(refund)))


def continue_refund(
    order: str, payment: Payment, refund: Refund, now: int, announce: tuple[Contract, ...] = ()
) -> Decision[Payment]:
    """Make a recorded refund, or find the one that was made before.

    Args:
        order: The order's id.
        payment: The order's payment, with the refund.
        refund: The refund, which is pending.
        now: The time in milliseconds since 1970.
        announce: Events to announce first.
    """
    if announce:
        return _reserve(order, payment, refund, now, announce)
    return Perform(_effect(order, payment, refund), partial(_after_refund, refund, now))


def _reserve(
    order: str, payment: Payment, refund: Refund, now: int, announce: tuple[Contract, ...]
) -> Decision[Payment]:
    effect, then = _effect(order, payment, refund), partial(_after_refund, refund, now)
    return Reserve(_recorded(payment, refund, now), effect, then, announce, repeatable=True)


def _effect(order: str, payment: Payment, refund: Refund) -> MakeRefund:
    """Return the request for a refund. That of the rest makes all parts first, which would be too much after it."""
    attempt = attempt_of(order, refund)
    if not refund.rest:
        return MakeRefund(refund.payment, attempt, refund.amount)
    parts = tuple(
        MakeRefund(each.payment, attempt_of(order, each), each.amount)
        for each in payment.refunds
        if each.payment == refund.payment and each.status == "pending" and not each.rest
    )
    return MakeRefund(refund.payment, attempt, None, parts)


def _after_refund(begun: Refund, now: int, entity: Entity[Payment], outcome: RefundOutcome) -> Decision[Payment]:
    payment = entity.state
    refund = payment.refund(begun.id) if payment else None
    if payment is None or refund is None or (refund.attempt, refund.status) != (begun.attempt, "pending"):
        return Skip()
    followed, announce = follow_refund(payment, refund, outcome, now)
    return Save(scheduled(followed, now), announce)


def follow_refund(
    payment: Payment, refund: Refund, outcome: RefundOutcome, now: int
) -> tuple[Payment, tuple[Contract, ...]]:
    """Return the payment after what became of a refund, and what is to be announced.

    A refund that succeeded fails after all if the bank returns its money.

    Args:
        payment: The payment.
        refund: One of its refunds.
        outcome: What the gateway says about the refund's present attempt.
        now: The time in milliseconds since 1970.
    """
    match outcome:
        case Refunded(amount) if refund.status == "pending":
            ended = replace(refund, status="succeeded", amount=amount, at=to_rfc3339(now))
            announcement = PaymentRefunded(payment=refund.payment, refund=refund.id, amount=amount)
            return with_refund(payment, ended), (announcement,)
        case NotRefunded(code) if refund.status in ("pending", "succeeded"):
            ended = replace(refund, status="failed", code=code, at=to_rfc3339(now))
            failed = RefundFailed(payment=refund.payment, refund=refund.id, amount=refund.amount, code=code)
            return with_refund(payment, ended), (failed,)
        case Refunded() | NotRefunded() | RefundPending():
            return payment, ()


def _recorded(payment: Payment, refund: Refund, now: int) -> Payment:
    return scheduled(with_refund(payment, refund), now)


def _requested(refund: Refund) -> RefundRequested:
    return RefundRequested(
        payment=refund.payment, refund=refund.id, amount=refund.amount, reason=refund.reason, attempt=refund.attempt
    )
