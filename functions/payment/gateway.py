"""The payment gateway: what payment asks of one, and what one answers. Every call is safe to repeat."""

from dataclasses import dataclass
from typing import Protocol

from tidings.contracts import Money

UNKNOWN_METHOD = "unknown_payment_method"
"""The code of a payment that was declined because its method is none that the gateway could charge."""


@dataclass(frozen=True)
class Open:
    """Open a payment without moving money; the order is the key under which a repeat finds the same payment."""

    order: str
    amount: Money
    method: str


@dataclass(frozen=True)
class Confirm:
    """Move the money of an open payment."""

    payment: str


@dataclass(frozen=True)
class Cancel:
    """Undo a payment: void it where no money has moved, refund it where it has."""

    payment: str


@dataclass(frozen=True)
class Opened:
    """The payment is open under this id; no money has moved."""

    payment: str


@dataclass(frozen=True)
class Captured:
    """The money has moved to the shop."""


@dataclass(frozen=True)
class Declined:
    """The money did not move and will not, for the reason that the code names: said of a confirmation, or at once."""

    code: str


@dataclass(frozen=True)
class Voided:
    """The payment was undone before any money had moved."""


@dataclass(frozen=True)
class Refunded:
    """The payment was undone after the money had moved, and the money went back."""


Effect = Open | Confirm | Cancel
Outcome = Opened | Captured | Declined | Voided | Refunded


class Gateway(Protocol):
    """A payment gateway. RetryableError, or any error of a client's own, where it is unknown what was done."""

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        """Opens a payment, or finds the one that was opened for the order; declines an amount that cannot be paid."""

    def confirm(self, payment: str) -> Captured | Declined | Voided | Refunded:
        """Captures an open payment; what has ended is left as it is and told again."""

    def cancel(self, payment: str) -> Voided | Refunded:
        """Voids or refunds a payment; what was undone is left as it is and told again."""


def perform(gateway: Gateway, effect: Effect) -> Outcome:
    """Carries out on the gateway what a decision asks for."""
    match effect:
        case Open(order, amount, method):
            return gateway.open(order, amount, method)
        case Confirm(payment):
            return gateway.confirm(payment)
        case Cancel(payment):
            return gateway.cancel(payment)
