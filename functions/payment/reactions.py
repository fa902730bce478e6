"""When money moves, and when it goes back: decided on what the order's item and the gateway say."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

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
from tidings.contracts import (
    Money,
    OrderCancelled,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
)
from tidings.decisions import Act, Claim, Commit, Decision, Ignore
from tidings.events import Contract, Event
from tidings.item import Item

Status = Literal["forbidden", "charging", "captured", "failed", "voided", "refunded"]

NOTHING = Money(0, "XXX")
"""ISO 4217's code for no currency: what moved where nothing did."""


class Payment(Struct, frozen=True, omit_defaults=True):
    """An order's payment. `forbidden` is a tombstone: the order was off before a payment was opened for it."""

    status: Status
    id: str = ""
    amount: Money = NOTHING


def charge(item: Item[Payment], event: Event[OrderPlaced], outcome: Outcome | None) -> Decision[Payment]:
    """Opens a payment without moving money, writes its id, confirms it, and records what came of it."""
    payment, order = item.state, event.data
    if payment is None:
        if isinstance(outcome, Opened):
            intent = Payment("charging", outcome.payment, order.total)
            return Claim(intent, Confirm(outcome.payment), repeatable=True)
        if isinstance(outcome, Declined):
            return Commit(Payment("failed", amount=order.total), (PaymentFailed(code=outcome.code),))
        return Act(Open(item.order, order.total, order.payment_method))
    if payment.status == "forbidden" and isinstance(outcome, Opened):
        # It was opened in vain: the order was called off meanwhile.
        return Act(Cancel(outcome.payment))
    if payment.status != "charging":
        return Ignore()
    return _record(payment, outcome) or Act(Confirm(payment.id))


def cancel(item: Item[Payment], _event: Event[OrderCancelled], outcome: Outcome | None) -> Decision[Payment]:
    """Leaves a tombstone, or undoes what was begun: voids it where no money has moved, refunds it where it has."""
    payment = item.state
    if payment is None:
        return Commit(Payment("forbidden"))
    if payment.status not in ("charging", "captured"):
        return Ignore()
    if not isinstance(outcome, Voided | Refunded):
        return Act(Cancel(payment.id))
    return _record(payment, outcome) or Ignore()


def _record(payment: Payment, outcome: Outcome | None) -> Commit[Payment] | None:
    """What came of a confirmation or a cancellation; None where neither has been tried."""
    status: Status
    announcement: Contract
    match outcome:
        case Captured():
            status, announcement = "captured", PaymentCaptured(payment=payment.id, amount=payment.amount)
        case Refunded():
            status, announcement = "refunded", PaymentRefunded(payment=payment.id, amount=payment.amount)
        case Declined(code):
            status, announcement = "failed", PaymentFailed(code=code)
        case Voided():
            status, announcement = "voided", PaymentFailed(code="voided")
        case _:
            return None
    return Commit(replace(payment, status=status), (announcement,))
