"""The payment gateway port: its effects and its outcomes. Every call is safe to repeat."""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from contracts.values.money import Money
from tidings.core.event import CorrelationId, Traceparent

UNKNOWN_METHOD = "unknown_payment_method"
"""The code of a payment that was declined because the gateway does not know its payment method."""

AUTHORIZATION_EXPIRED = "authorization_expired"
"""The code of a payment whose amount the bank reserves no longer, because it was not captured in time."""

AUTHENTICATION_FAILED = "payment_intent_authentication_failure"
"""The code of a payment that its customer did not approve, in Stripe's word (Stripe Docs, "Error codes")."""

TOO_MUCH = "amount_too_large"
"""The code of a refund that exceeds what is left of its payment at the gateway."""


class Origin(Struct, frozen=True):
    """The request at the beginning: its correlation id and trace. The gateway keeps them with the payment."""

    correlation: CorrelationId
    trace: Traceparent


class Labels(Struct, frozen=True):
    """The shop's labels of a payment at the gateway: its order, and the request that placed the order."""

    order: str
    origin: Origin


class Approval(Struct, frozen=True):
    """The values with which the customer's browser has a payment approved. Only the publishable key is no secret.

    Attributes:
        publishable_key: The key with which the gateway's own script identifies the shop.
        client_secret: The secret that lets its holder approve this payment.
        url: The page on which the customer approves, relative to the address of the order's payment; empty if the
            gateway's script shows it.
    """

    publishable_key: str
    client_secret: str
    url: str = ""

    def __repr__(self) -> str:
        """Return a text without the secret, which also is a part of the page's address."""
        return f"Approval(publishable_key={self.publishable_key!r})"


class Opened(Struct, frozen=True):
    """The payment is open under this id. Nothing is reserved."""

    payment: str


class ActionRequired(Struct, frozen=True):
    """The customer must approve the payment before its amount is reserved."""


class Processing(Struct, frozen=True):
    """The bank has not decided yet."""


class Authorized(Struct, frozen=True):
    """The bank reserves the amount. No money has moved."""


class Captured(Struct, frozen=True):
    """The money has moved to the shop. A part of it may have gone back."""


class Declined(Struct, frozen=True):
    """No money moved, and none will. The code names the reason."""

    code: str


class Voided(Struct, frozen=True):
    """The payment was undone before any money moved."""


class Returned(Struct, frozen=True):
    """The money has moved, and all of it has gone back: this amount."""

    amount: Money


CaptureOutcome = Captured | Declined | Voided | Returned
AuthorizationOutcome = ActionRequired | Processing | Authorized | CaptureOutcome
VoidOutcome = Voided | Captured | Processing


class Refunded(Struct, frozen=True):
    """The refund succeeded, and this amount went back."""

    amount: Money


class RefundPending(Struct, frozen=True):
    """The refund is under way. It is not known yet whether the money goes back."""


class NotRefunded(Struct, frozen=True):
    """The refund failed, or the bank returned its money later. The code names the reason."""

    code: str


RefundOutcome = Refunded | RefundPending | NotRefunded


class FoundDispute(Struct, frozen=True):
    """A dispute of a payment at the gateway."""

    id: str
    amount: Money
    reason: str
    status: Literal["open", "won", "lost"]


class Inspection(Struct, frozen=True):
    """The gateway's knowledge of a payment now.

    Attributes:
        outcome: What became of the payment; None if nobody has asked to authorize it yet.
        amount: The payment's amount.
        refunds: The outcomes of the refunds that the shop made, by attempt.
        disputes: The payment's disputes.
    """

    outcome: AuthorizationOutcome | None
    amount: Money
    refunds: Mapping[str, RefundOutcome] = {}
    disputes: tuple[FoundDispute, ...] = ()


KEYS_KEPT = 23 * 60 * 60 * 1000
"""Milliseconds after which a gateway may have forgotten that it opened a payment for an order. Stripe forgets it after
a day (Stripe API Reference, "Idempotent requests")."""


class Gateway(Protocol):
    """A payment gateway.

    A `RetryableError`, or any error of a client, means: it is unknown whether the call took effect.
    """

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        """Open a payment, or find the one that was opened for the order. Decline an amount that cannot be paid."""

    def find(self, order: str, placed: int) -> str | None:
        """Return the first payment that was opened for an order, by its labels; None if it has none.

        Return None without a search if the order was placed less than `KEYS_KEPT` ago: `open` finds its payment.

        Args:
            order: The order.
            placed: When it was placed, in milliseconds since 1970.
        """

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Reserve the amount of an open payment. Leave a payment that is not open as it is, and return its outcome.

        A payment that was declined after its customer was asked for an approval is also voided, so that nobody can
        approve it any more.
        """

    def capture(self, payment: str) -> CaptureOutcome:
        """Move the money of an authorized payment. Leave a payment that has ended as it is, and return its outcome.

        Release the amount of a payment that cannot be captured any more, and decline it.
        """

    def void(self, payment: str) -> VoidOutcome:
        """Undo a payment whose money has not moved, so that it can never move.

        Leave a payment as it is if its money has moved, also if all of it has gone back (`Captured`), and if the bank
        has not decided yet and the payment cannot be undone before (`Processing`).
        """

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        """Refund a part of a captured payment, or find the refund that was made under the attempt's name.

        Never refund more than is left of the payment: refuse such a refund with `TOO_MUCH`.

        Args:
            payment: The payment.
            attempt: The attempt's name, unique among all refunds.
            amount: The amount; None for all that is left, which may be nothing.
        """

    def inspect(self, payment: str) -> Inspection:
        """Return what the gateway knows about a payment, and void one that was declined as `authorize` does."""

    def approval(self, payment: str) -> Approval | None:
        """Return what the customer's browser needs to have a payment approved; None if it awaits no approval."""

    def labels(self, payment: str) -> Labels | None:
        """Return the labels of a payment; None if no order of this stage has opened it."""

    def disputed_since(self, time: int) -> Iterator[str]:
        """Iterate over the payments with a dispute that began since a time, in milliseconds since 1970.

        They may be those of other stages.
        """


# Effects


class Open(Struct, frozen=True):
    """The request to open a payment without reserving money. A repeat for the same order finds the same payment.

    Attributes:
        order: The order.
        amount: Its total.
        method: The customer's payment method.
        origin: The request at the beginning.
        placed: When the order was placed, in milliseconds since 1970.
    """

    order: str
    amount: Money
    method: str
    origin: Origin
    placed: int

    def perform(self, port: "PaymentPort") -> Opened | Declined:
        """Find the payment, or open it."""
        if known := port.gateway.find(self.order, self.placed):
            return Opened(known)
        return port.gateway.open(self.order, self.amount, self.method, self.origin)


class Authorize(Struct, frozen=True):
    """The request to reserve the amount of an open payment."""

    payment: str

    def perform(self, port: "PaymentPort") -> AuthorizationOutcome:
        """Authorize the payment."""
        return port.gateway.authorize(self.payment)


class Capture(Struct, frozen=True):
    """The request to move the money of an authorized payment."""

    payment: str

    def perform(self, port: "PaymentPort") -> CaptureOutcome:
        """Capture the payment."""
        return port.gateway.capture(self.payment)


class Void(Struct, frozen=True):
    """The request to undo a payment whose money has not moved."""

    payment: str

    def perform(self, port: "PaymentPort") -> VoidOutcome:
        """Void the payment."""
        return port.gateway.void(self.payment)


class MakeRefund(Struct, frozen=True):
    """The request to refund a part of a captured payment; all that is left of it if the amount is None.

    Attributes:
        payment: The payment.
        attempt: The attempt's name.
        amount: The amount; None for all that is left.
        earlier: Refunds that are made first, so that what is left is known. Their outcomes are found by a check.
    """

    payment: str
    attempt: str
    amount: Money | None
    earlier: tuple["MakeRefund", ...] = ()

    def perform(self, port: "PaymentPort") -> RefundOutcome:
        """Make the refund."""
        for refund in self.earlier:
            refund.perform(port)
        return port.gateway.refund(self.payment, self.attempt, self.amount)


class Inspect(Struct, frozen=True):
    """The request for what the gateway knows about a payment."""

    payment: str

    def perform(self, port: "PaymentPort") -> Inspection:
        """Inspect the payment."""
        return port.gateway.inspect(self.payment)


# The port


class PaymentPort(Protocol):
    """The port through which payment's effects are performed."""

    @property
    def gateway(self) -> Gateway:
        """The payment gateway."""
