"""Stripe as the payment gateway: a payment is a payment intent, kept by its id from the moment that it is opened.

What an intent is decides what is done with it, so that every call is safe to repeat, however long after. Stripe's
idempotency keys only help where there is no id yet, and they hold for a day.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import stripe

from functions.payment.gateway import UNKNOWN_METHOD, Captured, Declined, Opened, Refunded, Voided
from functions.payment.secret import Secret
from tidings.contracts import Money
from tidings.errors import RetryableError

T = TypeVar("T")

API_BASE = stripe.DEFAULT_API_BASE

TIMEOUT = (1.0, 5.0)
"""Seconds to connect, and to wait for an answer: opening, once more where the method is unknown, and confirming fit in
a function's time together.
"""

RETRIES = 0
"""What fails comes again by the queue, with a growing delay; trying twice here would outlast the function's time."""

AUTHENTICATION_REQUIRED = "authentication_required"
"""Stripe's own code for a card whose holder would have to approve the payment, and is not there to do so."""

UNSAID = {"fraudulent", "lost_card", "merchant_blacklist", "stolen_card"}
"""Reasons that a customer, who sees the code, must not be told (Stripe Docs, "Decline codes")."""

GENERIC_DECLINE = "generic_decline"
INDIVISIBLE = "indivisible_amount"

CODE_LENGTH = 64
"""Characters of a code that PaymentFailed has room for."""

UNITS = {"ISK": (100, 1), "UGX": (100, 1), "MGA": (1, 100)}
"""How many of Stripe's units so many of ISO 4217's minor ones are, where they differ (Stripe Docs, "Supported
currencies", on minor units)."""

NOT_FOUND = 404

stripe.enable_telemetry = False


class StripeGateway:
    """The gateway over Stripe's API. `key` is the account's secret API key, or a restricted one.

    Rate limits, lost connections and Stripe's own failures are a RetryableError. What Stripe refuses as wrong (a key
    without permission, a disputed charge) stays the `stripe.StripeError` that it is.
    """

    def __init__(self, key: Secret, api_base: str = API_BASE, http: stripe.HTTPClient | None = None) -> None:
        self._key = key
        self._api_base = api_base
        self._http = http or stripe.RequestsClient(timeout=TIMEOUT)
        # The last key's client, and a replaced one's for who is still at it.
        self._client = lru_cache(2)(self._make_client)

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        """Creates an intent and leaves it unconfirmed, keyed by the order; declines what Stripe charges nobody."""
        units = in_stripes_units(amount)
        if units is None:
            return Declined(INDIVISIBLE)
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": units,
            "currency": amount.currency.lower(),
            # By name, instead of all that the account has: the others send the customer to a page of their own.
            "allowed_payment_method_types": ["card"],
            "confirm": False,
            "metadata": {"order": order},
        }
        try:
            intent = self._create({**params, "payment_method": method}, f"{order}/open")
        except stripe.InvalidRequestError as error:
            if error.param in ("amount", "currency"):
                # Too little, too much, or in a currency that the account does not take: no redrive will change that.
                return Declined((error.code or GENERIC_DECLINE)[:CODE_LENGTH])
            if error.param != "payment_method" and error.http_status != NOT_FOUND:
                raise
            # Nothing but the method is looked up here. The customer named none that can be charged: an intent without
            # one tells so when it is confirmed.
            intent = self._create(params, f"{order}/open-without-method")
        return Opened(intent.id)

    def confirm(self, payment: str) -> Captured | Declined | Voided | Refunded:
        """Confirms an intent, which captures it; closes one whose customer would have to approve of it."""
        try:
            intent = self._ask(lambda client: client.v1.payment_intents.confirm(payment))
        except stripe.CardError as error:
            return Declined(_code(error.error))
        except stripe.InvalidRequestError as error:
            intent = self._retrieve(payment)
            if intent.status != "requires_confirmation":
                # It was confirmed or cancelled before.
                return self._told(intent)
            if error.param != "payment_method":
                raise
            # A method that was good when the intent was opened, and has been used up or taken away since.
            return self._close(intent, UNKNOWN_METHOD)
        return self._told(intent)

    def cancel(self, payment: str) -> Voided | Refunded:
        """Cancels an intent that has moved nothing, refunds one that has."""
        intent = self._retrieve(payment)
        if intent.status == "canceled":
            return Voided()
        if intent.status == "succeeded":
            return self._refund(intent)
        try:
            self._ask(lambda client: client.v1.payment_intents.cancel(payment))
        except stripe.InvalidRequestError:
            if self._retrieve(payment).status == intent.status:
                raise
            # A confirmation, or another cancellation, came between the look and the change.
            return self.cancel(payment)
        return Voided()

    def _told(self, intent: stripe.PaymentIntent) -> Captured | Declined | Voided | Refunded:
        match intent.status:
            case "succeeded":
                return Refunded() if _is_refunded(intent) else Captured()
            case "requires_payment_method":
                return Declined(_code(intent.last_payment_error))
            case "requires_action":
                return self._close(intent, AUTHENTICATION_REQUIRED)
            case "canceled":
                declined = intent.metadata.to_dict().get("declined")
                return Declined(declined) if declined else Voided()
            case status:
                raise RetryableError(f"the payment intent {intent.id} is {status}")

    def _close(self, intent: stripe.PaymentIntent, code: str) -> Declined | Refunded:
        """Cancels an intent that Stripe leaves open, though nothing will come of it."""
        # The reason is written first, so that a confirmation that comes again tells the same.
        self._ask(lambda client: client.v1.payment_intents.update(intent.id, {"metadata": {"declined": code}}))
        outcome = self.cancel(intent.id)
        return Declined(code) if isinstance(outcome, Voided) else outcome

    def _refund(self, intent: stripe.PaymentIntent) -> Refunded:
        if _is_refunded(intent):
            return Refunded()
        try:
            self._keyed(
                lambda client, key: client.v1.refunds.create({"payment_intent": intent.id}, {"idempotency_key": key}),
                f"{intent.id}/refund",
            )
        except stripe.InvalidRequestError as error:
            if error.code != "charge_already_refunded":
                raise
        return Refunded()

    def _retrieve(self, payment: str) -> stripe.PaymentIntent:
        return self._ask(lambda client: client.v1.payment_intents.retrieve(payment, {"expand": ["latest_charge"]}))

    def _create(self, params: "stripe.params.PaymentIntentCreateParams", key: str) -> stripe.PaymentIntent:
        return self._keyed(
            lambda client, key: client.v1.payment_intents.create(params, {"idempotency_key": key}),
            key,
        )

    def _keyed(self, call: Callable[[stripe.StripeClient, str], T], key: str) -> T:
        """Asks under a key.

        A key remembers for a day that Stripe failed, too (Stripe API Reference, "Idempotent requests"). What it tells
        again, a second key gets past: at the worst that opens an intent more, which moves nothing, and no charge is
        ever refunded twice.
        """
        try:
            return self._ask(lambda client: call(client, key))
        except RetryableError as error:
            cause = error.__cause__
            if not isinstance(cause, stripe.APIError) or not _is_told_again(cause):
                raise
        return self._ask(lambda client: call(client, f"{key}/again"))

    def _ask(self, call: Callable[[stripe.StripeClient], T]) -> T:
        """Makes a call; with the key as it is by now, where the remembered one was refused."""
        key = self._key.value()
        try:
            try:
                return call(self._client(key))
            except stripe.AuthenticationError:
                replaced = self._key.other_than(key)
                if replaced is None:
                    raise
                return call(self._client(replaced))
        except (stripe.RateLimitError, stripe.APIConnectionError, stripe.APIError) as error:
            raise RetryableError(f"Stripe did not answer: {type(error).__name__}: {error}") from error

    def _make_client(self, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            key, base_addresses={"api": self._api_base}, max_network_retries=RETRIES, http_client=self._http
        )


def in_stripes_units(money: Money) -> int | None:
    """An amount as Stripe counts it; None where it has a fraction that Stripe does not have."""
    factor, divisor = UNITS.get(money.currency, (1, 1))
    amount, rest = divmod(money.amount * factor, divisor)
    return None if rest else amount


def _is_refunded(intent: stripe.PaymentIntent) -> bool:
    charge = intent.latest_charge
    return isinstance(charge, stripe.Charge) and charge.refunded


def _is_told_again(error: stripe.StripeError) -> bool:
    return (error.headers or {}).get("idempotent-replayed") == "true"


def _code(error: object) -> str:
    """Why an intent was declined; without an error nothing was ever tried, for it has no method to try."""
    if error is None:
        return UNKNOWN_METHOD
    code = getattr(error, "decline_code", None) or getattr(error, "code", None) or GENERIC_DECLINE
    return GENERIC_DECLINE if code in UNSAID else str(code)[:CODE_LENGTH]
