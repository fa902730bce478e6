"""The payment gateway port: its effects and its outcomes. Every call is safe to repeat."""

from dataclasses import dataclass
from typing import Protocol

from contracts.values.money import Money

UNKNOWN_METHOD = "unknown_payment_method"
"""The code of a payment that was declined because the gateway does not know its payment method."""

AUTHORIZATION_EXPIRED = "authorization_expired"
"""The code of a payment whose amount the bank reserves no longer, because it was not captured in time."""


@dataclass(frozen=True)
class Opened:
    """The payment is open under this id. Nothing is reserved."""

    payment: str


@dataclass(frozen=True)
class Authorized:
    """The bank reserves the amount. No money has moved."""


@dataclass(frozen=True)
class Captured:
    """The money has moved to the shop."""


@dataclass(frozen=True)
class Declined:
    """No money moved, and none will. The code names the reason."""

    code: str


@dataclass(frozen=True)
class Voided:
    """The payment was undone before any money moved."""


@dataclass(frozen=True)
class Refunded:
    """The payment was undone after the money had moved, and this amount went back."""

    amount: Money


@dataclass(frozen=True)
class RefundPending:
    """The money has moved, and a refund is under way. It is not known yet whether the money goes back."""


@dataclass(frozen=True)
class NotRefunded:
    """The money has moved, and the refund failed for good. The code names the reason."""

    code: str


CaptureOutcome = Captured | Declined | Voided | Refunded
AuthorizationOutcome = Authorized | CaptureOutcome
Cancelled = Voided | Refunded | RefundPending | NotRefunded
Outcome = Opened | AuthorizationOutcome | Cancelled


class Gateway(Protocol):
    """A payment gateway.

    A `RetryableError`, or any error of a client, means: it is unknown whether the call took effect.
    """

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        """Open a payment, or find the one that was opened for the order. Decline an amount that cannot be paid."""

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Reserve the amount of an open payment. Leave a payment that is not open as it is, and return its outcome."""

    def capture(self, payment: str) -> CaptureOutcome:
        """Move the money of an authorized payment. Leave a payment that has ended as it is, and return its outcome.

        Release the amount of a payment that cannot be captured any more, and decline it.
        """

    def cancel(self, payment: str) -> Cancelled:
        """Void a payment, or refund what is left of it.

        Leave a payment that was undone, or whose refund is under way or has failed, as it is, and return its outcome.
        """


# Effects


@dataclass(frozen=True)
class Open:
    """The request to open a payment without reserving money. A repeat for the same order finds the same payment."""

    order: str
    amount: Money
    method: str

    def perform(self, gateway: Gateway) -> Opened | Declined:
        """Open the payment."""
        return gateway.open(self.order, self.amount, self.method)


@dataclass(frozen=True)
class Authorize:
    """The request to reserve the amount of an open payment."""

    payment: str

    def perform(self, gateway: Gateway) -> AuthorizationOutcome:
        """Authorize the payment."""
        return gateway.authorize(self.payment)


@dataclass(frozen=True)
class Capture:
    """The request to move the money of an authorized payment."""

    payment: str

    def perform(self, gateway: Gateway) -> CaptureOutcome:
        """Capture the payment."""
        return gateway.capture(self.payment)


@dataclass(frozen=True)
class Cancel:
    """The request to undo a payment: to void it if no money has moved, else to refund it."""

    payment: str

    def perform(self, gateway: Gateway) -> Cancelled:
        """Cancel the payment."""
        return gateway.cancel(self.payment)
