"""Stripe's answers in the words of the gateway's port. Every status and code here is Stripe's."""

from collections.abc import Sequence
from typing import Literal

import stripe

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    UNKNOWN_METHOD,
    ActionRequired,
    AuthorizationOutcome,
    Authorized,
    Captured,
    Declined,
    FoundDispute,
    NotRefunded,
    Processing,
    Refunded,
    RefundOutcome,
    RefundPending,
    Returned,
    Voided,
)
from tidings.core.errors import as_code

EXPIRY_REASONS = {"automatic", "expired"}
"""Stripe's reasons for cancelling an intent that was not captured in time (Stripe API Reference, "PaymentIntent")."""

CONFIDENTIAL = {"fraudulent", "lost_card", "merchant_blacklist", "stolen_card"}
"""Reasons that must not be shown to customers, who see the code (Stripe Docs, "Decline codes")."""

GENERIC_DECLINE = "generic_decline"

CLOSED_DISPUTES: dict[str, Literal["won", "lost"]] = {
    "won": "won",
    "warning_closed": "won",
    "prevented": "won",
    "lost": "lost",
}
"""The statuses of disputes that have ended (Stripe API Reference, "Dispute"). A dispute of any other status is open."""

UNITS = {"ISK": (100, 1), "UGX": (100, 1), "MGA": (1, 100)}
"""Factor and divisor from ISO 4217's minor units to Stripe's, if they differ (Stripe Docs, "Supported currencies")."""


def in_stripes_units(money: Money) -> int | None:
    """Return an amount in Stripe's units; None if it is not a whole number of them."""
    factor, divisor = UNITS.get(money.currency, (1, 1))
    amount, rest = divmod(money.amount * factor, divisor)
    return None if rest else amount


def from_stripes_units(amount: int, currency: str) -> Money:
    """Return an amount in Stripe's units as money."""
    factor, divisor = UNITS.get(currency.upper(), (1, 1))
    return Money(amount * divisor // factor, currency.upper())


def outcome_of(intent: stripe.PaymentIntent, refunds: Sequence[stripe.Refund] = ()) -> AuthorizationOutcome | None:
    """Return what became of an intent; None if nobody has asked to authorize it yet.

    Args:
        intent: The intent.
        refunds: The refunds of its charge.
    """
    match intent.status:
        case "requires_action":
            return ActionRequired()
        case "processing":
            return Processing()
        case "requires_capture":
            return Authorized()
        case "succeeded":
            returned = sum(refund.amount for refund in refunds if refund.status == "succeeded")
            return Captured() if returned < intent.amount else Returned(from_stripes_units(returned, intent.currency))
        case "requires_payment_method":
            return Declined(decline_code(intent.last_payment_error))
        case "canceled":
            declined = intent.metadata.to_dict().get("declined")
            if declined is None and intent.cancellation_reason in EXPIRY_REASONS:
                return Declined(AUTHORIZATION_EXPIRED)
            return Declined(as_code(declined)) if declined else Voided()
        case _:
            return None


def decline_code(error: object) -> str:
    """Return the code of a decline. An intent without an error was never tried, because it has no method."""
    if error is None:
        return UNKNOWN_METHOD
    code = getattr(error, "decline_code", None) or getattr(error, "code", None) or GENERIC_DECLINE
    return GENERIC_DECLINE if code in CONFIDENTIAL else as_code(code)


def attempt_of(refund: stripe.Refund) -> str | None:
    """Return the attempt under which payment made a refund; None if the shop's staff made it at Stripe's dashboard."""
    return refund.metadata.to_dict().get("refund") if refund.metadata else None


def refund_outcome(refund: stripe.Refund) -> RefundOutcome:
    """Return what became of a refund."""
    match refund.status:
        case "succeeded":
            return Refunded(from_stripes_units(refund.amount, refund.currency))
        case "pending" | "requires_action":
            return RefundPending()
        case status:
            return NotRefunded(as_code(getattr(refund, "failure_reason", None) or status))


def found_dispute(dispute: stripe.Dispute) -> FoundDispute:
    """Return a dispute."""
    return FoundDispute(
        dispute.id,
        from_stripes_units(dispute.amount, dispute.currency),
        as_code(dispute.reason),
        CLOSED_DISPUTES.get(dispute.status, "open"),
    )
