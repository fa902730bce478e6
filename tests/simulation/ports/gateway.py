"""A payment gateway that forgets after a day under which key it opened a payment, as Stripe does."""

from dataclasses import dataclass
from typing import Literal

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    AuthorizationOutcome,
    Authorized,
    Cancelled,
    Captured,
    CaptureOutcome,
    Declined,
    NotRefunded,
    Opened,
    Refunded,
    RefundPending,
    Voided,
)
from tests.simulation.clock import DAY
from tidings.core.clock import Clock
from tidings.core.errors import RetryableError

DECLINED = "pm_card_declined"
ERROR_ONCE = "pm_card_error_once"
EXPIRES = "pm_card_authorization_expires"
REFUND_PENDING = "pm_card_refund_pending"
REFUND_FAILS = "pm_card_refund_fails"

MIN_AMOUNT = 50
"""Minor units below which nothing can be paid. Such a payment is declined at once."""


@dataclass
class Payment:
    """A payment. `captured` and `refunded` count how often its money moved each way."""

    order: str
    amount: Money
    method: str
    opened: int
    status: Literal[
        "open",
        "authorized",
        "captured",
        "declined",
        "expired",
        "voided",
        "refund_pending",
        "refund_failed",
        "refunded",
    ] = "open"
    authorizations: int = 0
    captured: int = 0
    refunded: int = 0


class MemoryGateway:
    """The gateway's payments by id."""

    def __init__(self, clock: Clock) -> None:
        self.payments: dict[str, Payment] = {}
        self._clock = clock
        self._keys: dict[str, str] = {}

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        if amount.amount < MIN_AMOUNT:
            return Declined("amount_too_small")
        known = self._keys.get(order)
        if known is None or self.payments[known].opened + DAY <= self._clock():
            known = self._keys[order] = f"pay_{len(self.payments) + 1}"
            self.payments[known] = Payment(order, amount, method, self._clock())
        return Opened(known)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        found = self.payments[payment]
        found.authorizations += 1
        if found.method == ERROR_ONCE and found.authorizations == 1:
            raise RetryableError("the gateway failed; nothing was reserved")
        if found.status == "open":
            found.status = "declined" if found.method == DECLINED else "authorized"
        return Authorized() if found.status == "authorized" else _ended(found)

    def capture(self, payment: str) -> CaptureOutcome:
        found = self.payments[payment]
        if found.status == "authorized" and found.method == EXPIRES:
            found.status = "expired"
        elif found.status == "authorized":
            found.status = "captured"
            found.captured += 1
        return _ended(found)

    def cancel(self, payment: str) -> Cancelled:
        found = self.payments[payment]
        match found.status:
            case "captured" if found.method == REFUND_PENDING:
                found.status = "refund_pending"
            case "captured" if found.method == REFUND_FAILS:
                found.status = "refund_failed"
            case "captured" | "refund_pending":
                found.status = "refunded"
                found.refunded += 1
            case "open" | "authorized" | "declined" | "expired":
                found.status = "voided"
        match found.status:
            case "refunded":
                return Refunded(found.amount)
            case "refund_pending":
                return RefundPending()
            case "refund_failed":
                return NotRefunded("expired_or_canceled_card")
            case _:
                return Voided()


def _ended(payment: Payment) -> CaptureOutcome:
    match payment.status:
        case "captured" | "refund_pending" | "refund_failed":
            return Captured()
        case "refunded":
            return Refunded(payment.amount)
        case "voided":
            return Voided()
        case "expired":
            return Declined(AUTHORIZATION_EXPIRED)
        case "declined":
            return Declined("card_declined")
        case status:
            raise ValueError(f"the payment is {status}")
