"""The payment of an order: decided by the stored payment and by what the gateway answers."""

from functools import partial
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.values.money import Money
from functions.payment.gateway import (
    Cancel,
    Captured,
    Confirm,
    Declined,
    Open,
    Opened,
    Outcome,
    Refunded,
    Voided,
)
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event

Status = Literal["forbidden", "charging", "captured", "failed", "voided", "refunded"]


class Payment(Struct, frozen=True, omit_defaults=True):
    """The payment of an order. `forbidden` is a tombstone: the order was cancelled before a payment was opened."""

    status: Status
    id: str = ""
    amount: Money | None = None


def on_order_placed(entity: Entity[Payment], event: Event[OrderPlaced]) -> Decision[Payment]:
    """Open a payment without moving money, store its id, confirm it, and record the outcome."""
    payment, order = entity.state, event.data
    if payment is None:
        return Perform(Open(entity.key, order.total, order.payment_method), partial(_after_open, event))
    if payment.status != "charging":
        return Skip()
    return Perform(Confirm(payment.id), _after_confirm)


def _after_open(event: Event[OrderPlaced], entity: Entity[Payment], outcome: Opened | Declined) -> Decision[Payment]:
    payment, amount = entity.state, event.data.total
    if payment is None and isinstance(outcome, Declined):
        return Save(Payment("failed", amount=amount), (PaymentFailed(code=outcome.code),))
    if payment is None and isinstance(outcome, Opened):
        intent = Payment("charging", outcome.payment, amount)
        return Reserve(intent, Confirm(outcome.payment), _after_confirm, repeatable=True)
    if payment and payment.status == "forbidden" and isinstance(outcome, Opened):
        # The order was cancelled while the payment was being opened.
        return Perform(Cancel(outcome.payment), lambda _entity, _outcome: Skip())
    return on_order_placed(entity, event)


def _after_confirm(entity: Entity[Payment], outcome: Outcome) -> Decision[Payment]:
    payment = entity.state
    return _record(payment, outcome) if payment and payment.status == "charging" else Skip()


def on_order_cancelled(entity: Entity[Payment], _event: Event[OrderCancelled]) -> Decision[Payment]:
    """Void a payment whose money has not moved, refund one whose money has, or leave a tombstone."""
    payment = entity.state
    if payment is None:
        return Save(Payment("forbidden"))
    if payment.status not in ("charging", "captured"):
        return Skip()
    return Perform(Cancel(payment.id), _after_cancel)


def _after_cancel(entity: Entity[Payment], outcome: Outcome) -> Decision[Payment]:
    payment = entity.state
    return _record(payment, outcome) if payment and payment.status in ("charging", "captured") else Skip()


def _record(payment: Payment, outcome: Outcome) -> Decision[Payment]:
    """Record the outcome of a confirmation or a cancellation."""
    status: Status
    announcement: Contract
    match outcome, payment.amount:
        case Captured(), Money() as amount:
            status, announcement = "captured", PaymentCaptured(payment=payment.id, amount=amount)
        case Refunded(), Money() as amount:
            status, announcement = "refunded", PaymentRefunded(payment=payment.id, amount=amount)
        case Declined(code), _:
            status, announcement = "failed", PaymentFailed(code=code)
        case Voided(), _:
            status, announcement = "voided", PaymentFailed(code="voided")
        case _:
            return Skip()
    return Save(replace(payment, status=status), (announcement,))
