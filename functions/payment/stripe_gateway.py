"""Stripe as the payment gateway. A payment is a payment intent, known by its id as soon as it is opened.

Each call is decided by the intent's status at Stripe, so it may be repeated at any later time. Stripe's idempotency
keys last for a day, and are needed only before an id is known.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import stripe

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    UNKNOWN_METHOD,
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
from tidings.aws.secrets import Secret
from tidings.core.errors import RetryableError, ThrottledError, as_code, described

T = TypeVar("T")

API_BASE = stripe.DEFAULT_API_BASE

TIMEOUT = (1.0, 5.0)
"""Seconds to connect, and to wait for an answer. Two calls to open and one to confirm fit in a function's timeout."""

RETRIES = 0
"""The queue retries what fails, with a growing delay. Retries here would exceed the function's timeout."""

AUTHENTICATION_REQUIRED = "authentication_required"
"""Stripe's code for a card whose holder must approve the payment."""

EXPIRED = {"capture_charge_authorization_expired", "charge_expired_for_capture"}
"""Stripe's codes for a capture that comes after the bank has released the amount (Stripe Docs, "Error codes")."""

EXPIRY_REASONS = {"automatic", "expired"}
"""Stripe's reasons for cancelling an intent that was not captured in time (Stripe API Reference, "PaymentIntent")."""

REFUSED_REFUNDS = {"charge_disputed", "charge_not_refundable", "insufficient_funds"}
"""Stripe's codes for a refund that it does not begin, and that an operator must make in another way."""

CONFIDENTIAL = {"fraudulent", "lost_card", "merchant_blacklist", "stolen_card"}
"""Reasons that must not be shown to customers, who see the code (Stripe Docs, "Decline codes")."""

GENERIC_DECLINE = "generic_decline"
INDIVISIBLE = "indivisible_amount"

CODE_LENGTH = 64
"""Maximum number of characters of a code in PaymentFailed."""

UNITS = {"ISK": (100, 1), "UGX": (100, 1), "MGA": (1, 100)}
"""Factor and divisor from ISO 4217's minor units to Stripe's, if they differ (Stripe Docs, "Supported currencies")."""

NOT_FOUND = 404

stripe.enable_telemetry = False


@described.register
def _(error: stripe.StripeError) -> str:
    code, status, request = (as_code(str(part)) for part in (error.code, error.http_status, error.request_id))
    return f"{type(error).__name__}: {code}, HTTP {status}, request {request}"


class StripeGateway:
    """The gateway over Stripe's API.

    Lost connections and Stripe's own failures raise `RetryableError`, and Stripe's limits `ThrottledError`: too many
    requests, or an object that another request locks (Stripe Docs, "Rate limits"). A request that Stripe refuses, such
    as one with a key without permission, raises Stripe's own `StripeError`.

    Args:
        key: The account's secret API key, or a restricted one.
        api_base: The address of Stripe's API.
        http: The HTTP client; Stripe's own if omitted.
        pace: Waits before each HTTP call until the rate of calls allows it.
    """

    def __init__(
        self,
        key: Secret,
        api_base: str = API_BASE,
        http: stripe.HTTPClient | None = None,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._key = key
        self._pace = pace
        self._api_base = api_base
        self._http = http or stripe.RequestsClient(timeout=TIMEOUT)
        # Two clients: that of the current key, and that of a replaced key for threads that still use it.
        self._client = lru_cache(2)(self._make_client)

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        """Create an unconfirmed intent, keyed by the order. Decline an amount that Stripe does not charge."""
        units = in_stripes_units(amount)
        if units is None:
            return Declined(INDIVISIBLE)
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": units,
            "currency": amount.currency.lower(),
            # The account's other methods send the customer to another page.
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": False,
            "metadata": {"order": order},
        }
        try:
            intent = self._create({**params, "payment_method": method}, f"{order}/open")
        except stripe.InvalidRequestError as error:
            if error.param in ("amount", "currency"):
                # The amount is too small or too large, or the account does not take its currency. A retry cannot help.
                return Declined((error.code or GENERIC_DECLINE)[:CODE_LENGTH])
            if error.param != "payment_method" and error.http_status != NOT_FOUND:
                raise
            # The method is the only object that this call looks up, and it cannot be charged. An intent without a
            # method is declined when it is confirmed.
            intent = self._create(params, f"{order}/open-without-method")
        return Opened(intent.id)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Confirm an intent, so that its amount is reserved. Cancel one that its customer would have to approve."""
        try:
            intent = self._ask(lambda client: client.v1.payment_intents.confirm(payment))
        except stripe.CardError as error:
            return Declined(_code(error.error))
        except stripe.InvalidRequestError as error:
            intent = self._retrieve(payment)
            if intent.status != "requires_confirmation":
                # It was confirmed or cancelled before.
                return self._authorization(intent)
            if error.param != "payment_method":
                raise
            # The method was valid when the intent was opened, and is not valid any more.
            return self._close(intent, UNKNOWN_METHOD)
        return self._authorization(intent)

    def capture(self, payment: str) -> CaptureOutcome:
        """Capture an authorized intent. Cancel one that cannot be captured any more."""
        try:
            intent = self._ask(lambda client: client.v1.payment_intents.capture(payment))
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            intent = self._retrieve(payment)
            if intent.status == "requires_capture" and error.code in EXPIRED:
                return self._close(intent, AUTHORIZATION_EXPIRED)
            if intent.status == "requires_capture" and isinstance(error, stripe.CardError):
                return self._close(intent, _code(error.error))
            if intent.status in ("requires_capture", "requires_confirmation"):
                raise
        return self._outcome(intent)

    def cancel(self, payment: str) -> Cancelled:
        """Cancel an intent whose money has not moved, or refund it."""
        intent = self._retrieve(payment)
        if intent.status == "canceled":
            return Voided()
        if isinstance(intent.latest_charge, stripe.Charge) and intent.status == "succeeded":
            return self._refund(intent, intent.latest_charge)
        try:
            self._ask(lambda client: client.v1.payment_intents.cancel(payment))
        except stripe.InvalidRequestError:
            if self._retrieve(payment).status == intent.status:
                raise
            # The intent was confirmed or cancelled between the read and this call.
            return self.cancel(payment)
        return Voided()

    def _authorization(self, intent: stripe.PaymentIntent) -> AuthorizationOutcome:
        return Authorized() if intent.status == "requires_capture" else self._outcome(intent)

    def _outcome(self, intent: stripe.PaymentIntent) -> CaptureOutcome:
        match intent.status:
            case "succeeded":
                returned = _returned(intent)
                return Refunded(returned) if returned else Captured()
            case "requires_payment_method":
                return Declined(_code(intent.last_payment_error))
            case "requires_action":
                return self._close(intent, AUTHENTICATION_REQUIRED)
            case "canceled":
                declined = intent.metadata.to_dict().get("declined")
                if declined is None and intent.cancellation_reason in EXPIRY_REASONS:
                    return Declined(AUTHORIZATION_EXPIRED)
                return Declined(declined) if declined else Voided()
            case status:
                raise RetryableError(f"the payment intent {intent.id} is {status}")

    def _close(self, intent: stripe.PaymentIntent, code: str) -> CaptureOutcome:
        """Cancel an intent that Stripe leaves open although it cannot succeed, and decline it with this code."""
        # The code is stored first, so that a repeated call returns it again.
        self._ask(lambda client: client.v1.payment_intents.update(intent.id, {"metadata": {"declined": code}}))
        try:
            self._ask(lambda client: client.v1.payment_intents.cancel(intent.id))
        except stripe.InvalidRequestError:
            found = self._retrieve(intent.id)
            if found.status == intent.status:
                raise
            # The intent was captured or cancelled between the read and this call.
            return self._outcome(found)
        return Declined(code)

    def _refund(self, intent: stripe.PaymentIntent, charge: stripe.Charge) -> Refunded | RefundPending | NotRefunded:
        """Refund what is left of a charge. If that was begun before, return what became of it."""
        refund = next((each for each in _refunds(charge) if _is_ours(each)), None)
        left = charge.amount - charge.amount_refunded
        if refund is None and left <= 0:
            return Refunded(Money(0, intent.currency.upper()))
        if refund is None:
            try:
                refund = self._create_refund(intent, left)
            except stripe.InvalidRequestError as error:
                if error.code in REFUSED_REFUNDS:
                    return NotRefunded(error.code or GENERIC_DECLINE)
                if error.code == "charge_already_refunded":
                    raise RetryableError(f"the payment intent {intent.id} was refunded meanwhile") from error
                raise
        match refund.status:
            case "succeeded":
                return Refunded(from_stripes_units(refund.amount, refund.currency))
            case "pending" | "requires_action":
                return RefundPending()
            case status:
                return NotRefunded((getattr(refund, "failure_reason", None) or status or GENERIC_DECLINE)[:CODE_LENGTH])

    def _create_refund(self, intent: stripe.PaymentIntent, amount: int) -> stripe.Refund:
        metadata = {"cancellation": intent.metadata.to_dict().get("order", "")}
        return self._keyed(
            lambda client, key: client.v1.refunds.create(
                {"payment_intent": intent.id, "amount": amount, "metadata": metadata}, {"idempotency_key": key}
            ),
            f"{intent.id}/refund",
        )

    def _retrieve(self, payment: str) -> stripe.PaymentIntent:
        expand = ["latest_charge", "latest_charge.refunds"]
        return self._ask(lambda client: client.v1.payment_intents.retrieve(payment, {"expand": expand}))

    def _create(self, params: "stripe.params.PaymentIntentCreateParams", key: str) -> stripe.PaymentIntent:
        return self._keyed(
            lambda client, key: client.v1.payment_intents.create(params, {"idempotency_key": key}),
            key,
        )

    def _keyed(self, call: Callable[[stripe.StripeClient, str], T], key: str) -> T:
        """Make a call with an idempotency key.

        Stripe replays its own failure for a day, too (Stripe API Reference, "Idempotent requests"). After a replayed
        failure a second key is used. At worst that opens another intent, which moves no money; Stripe refunds no
        charge twice.
        """
        try:
            return self._ask(lambda client: call(client, key))
        except RetryableError as error:
            cause = error.__cause__
            if not isinstance(cause, stripe.APIError) or not _is_replayed(cause):
                raise
        return self._ask(lambda client: call(client, f"{key}/again"))

    def _ask(self, call: Callable[[stripe.StripeClient], T]) -> T:
        """Make a call. If the cached API key is refused, repeat it with the current one."""
        key = self._key.value()
        try:
            try:
                self._pace()
                return call(self._client(key))
            except stripe.AuthenticationError:
                replaced = self._key.other_than(key)
                if replaced is None:
                    raise
                self._pace()
                return call(self._client(replaced))
        except stripe.RateLimitError as error:
            raise ThrottledError(f"Stripe asks to slow down: {described(error)}") from error
        except (stripe.APIConnectionError, stripe.APIError) as error:
            raise RetryableError(f"Stripe did not answer: {described(error)}") from error

    def _make_client(self, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            key, base_addresses={"api": self._api_base}, max_network_retries=RETRIES, http_client=self._http
        )


def in_stripes_units(money: Money) -> int | None:
    """Return an amount in Stripe's units; None if it is not a whole number of them."""
    factor, divisor = UNITS.get(money.currency, (1, 1))
    amount, rest = divmod(money.amount * factor, divisor)
    return None if rest else amount


def from_stripes_units(amount: int, currency: str) -> Money:
    """Return an amount in Stripe's units as money."""
    factor, divisor = UNITS.get(currency.upper(), (1, 1))
    return Money(amount * divisor // factor, currency.upper())


def _returned(intent: stripe.PaymentIntent) -> Money | None:
    """Return what went back of an intent, if all of it did; None otherwise, also while a refund is under way."""
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge):
        return None
    returned = sum(refund.amount for refund in _refunds(charge) if refund.status == "succeeded")
    return from_stripes_units(returned, intent.currency) if returned >= charge.amount else None


def _refunds(charge: stripe.Charge) -> list[stripe.Refund]:
    """Return a charge's refunds, newest first. Stripe sends the latest ten."""
    return list(charge.refunds.data) if charge.refunds else []


def _is_ours(refund: stripe.Refund) -> bool:
    """Return whether payment made a refund, and not the shop's staff at Stripe's dashboard."""
    return refund.metadata is not None and "cancellation" in refund.metadata.to_dict()


def _is_replayed(error: stripe.StripeError) -> bool:
    return (error.headers or {}).get("idempotent-replayed") == "true"


def _code(error: object) -> str:
    """Return the code of a decline. An intent without an error was never tried, because it has no method."""
    if error is None:
        return UNKNOWN_METHOD
    code = getattr(error, "decline_code", None) or getattr(error, "code", None) or GENERIC_DECLINE
    return GENERIC_DECLINE if code in CONFIDENTIAL else str(code)[:CODE_LENGTH]
