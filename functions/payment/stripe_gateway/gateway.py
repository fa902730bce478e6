"""The gateway over Stripe's API. A payment is a payment intent, known by its id as soon as it is opened.

Each call is decided by the intent's status at Stripe, so it may be repeated at any later time. Stripe's idempotency
keys last for a day, and are needed only where an object has no id yet.
"""

from collections.abc import Callable, Iterator

import msgspec
import stripe

from contracts.values.money import Money
from contracts.values.order import is_order_id
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    KEYS_KEPT,
    TOO_MUCH,
    UNKNOWN_METHOD,
    Approval,
    AuthorizationOutcome,
    Captured,
    CaptureOutcome,
    Declined,
    FoundDispute,
    Inspection,
    Labels,
    NotRefunded,
    Opened,
    Origin,
    Processing,
    Refunded,
    RefundOutcome,
    Voided,
    VoidOutcome,
)
from functions.payment.stripe_gateway.answers import (
    GENERIC_DECLINE,
    attempt_of,
    decline_code,
    found_dispute,
    from_stripes_units,
    in_stripes_units,
    outcome_of,
    refund_outcome,
)
from functions.payment.stripe_gateway.api import API_BASE, StripeApi
from tidings.aws.secrets import Secret
from tidings.core.clock import Clock, now
from tidings.core.errors import RetryableError, as_code, described
from tidings.core.event import new_traceparent

EXPIRED = {"capture_charge_authorization_expired", "charge_expired_for_capture"}
"""Stripe's codes for a capture that comes after the bank has released the amount (Stripe Docs, "Error codes")."""

REFUSED_REFUNDS = {
    "balance_insufficient",
    "charge_disputed",
    "charge_not_refundable",
    "insufficient_funds",
    "refund_disputed_payment",
}
"""Stripe's codes for a refund that it does not begin, and that an operator must make in another way."""

INDIVISIBLE = "indivisible_amount"

NOT_FOUND = 404

PAGE = 100
"""The most objects that Stripe returns in one page of a list."""


class StripeGateway:
    """The gateway over Stripe's API. Its errors are those of `StripeApi`.

    Args:
        key: The account's secret API key, or a restricted one.
        stage: The stage's name. Stages may share an account.
        publishable_key: The account's publishable key.
        api_base: The address of Stripe's API.
        http: The HTTP client; Stripe's own if omitted.
        pace: Waits before each HTTP call until the rate of calls allows it.
        clock: The current time.
    """

    def __init__(
        self,
        key: Secret,
        stage: str,
        publishable_key: str,
        api_base: str = API_BASE,
        http: stripe.HTTPClient | None = None,
        pace: Callable[[], None] = lambda: None,
        clock: Clock = now,
    ) -> None:
        self._api = StripeApi(key, api_base, http, pace)
        self._stage = stage
        self._publishable_key = publishable_key
        self._clock = clock

    # Payments

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
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
            "metadata": {
                "order": order,
                "stage": self._stage,
                "correlation": origin.correlation,
                "trace": origin.trace,
            },
        }
        try:
            intent = self._create(f"{order}/open", {**params, "payment_method": method})
        except stripe.InvalidRequestError as error:
            if error.param in ("amount", "currency"):
                # The amount is too small or too large, or the account does not take its currency. A retry cannot help.
                return Declined(as_code(error.code or GENERIC_DECLINE))
            if error.param != "payment_method" and error.http_status != NOT_FOUND:
                raise
            # The method is the only object that this call looks up, and it cannot be charged. An intent without a
            # method is declined when it is confirmed.
            intent = self._create(f"{order}/open-without-method", params)
        return Opened(intent.id)

    def find(self, order: str, placed: int) -> str | None:
        """Search the intents of this stage by the order in their metadata, once its idempotency key may be forgotten.

        Stripe's search finds an intent about a minute after it was created (Stripe Docs, "Search").
        """
        if self._clock() - placed < KEYS_KEPT:
            return None
        query = f'metadata["order"]:"{order}" AND metadata["stage"]:"{self._stage}"'
        found = self._api.ask(lambda client: client.v1.payment_intents.search({"query": query, "limit": PAGE}))
        first = min(found.data, key=lambda intent: intent.created, default=None)
        return first.id if first else None

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Confirm an intent, so that its amount is reserved or its customer is asked for an approval."""
        refunds: list[stripe.Refund] = []
        try:
            intent = self._api.ask(lambda client: client.v1.payment_intents.confirm(payment))
        except stripe.CardError as error:
            return Declined(decline_code(error.error))
        except stripe.InvalidRequestError as error:
            # Unless it is still open, it was confirmed or cancelled before.
            intent, refunds = self._look_up(payment)
            if intent.status == "requires_confirmation":
                if error.param != "payment_method":
                    raise
                # The method was valid when the intent was opened, and is not valid any more.
                return self._close(intent, UNKNOWN_METHOD)
            if intent.status == "requires_payment_method" and intent.last_payment_error:
                # The customer did not approve it before this call was repeated, and could try again with another card.
                return self._close(intent, decline_code(intent.last_payment_error))
        outcome = outcome_of(intent, refunds)
        if outcome is None:
            raise RetryableError(f"the payment intent {payment} is {intent.status}")
        return outcome

    def capture(self, payment: str) -> CaptureOutcome:
        """Capture an authorized intent. Cancel one that cannot be captured any more."""
        refunds: list[stripe.Refund] = []
        refusal: stripe.StripeError | None = None
        try:
            intent = self._api.ask(lambda client: client.v1.payment_intents.capture(payment))
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            refusal = error
            intent, refunds = self._look_up(payment)
        if refusal and intent.status == "requires_capture":
            if refusal.code in EXPIRED:
                return self._close(intent, AUTHORIZATION_EXPIRED)
            if isinstance(refusal, stripe.CardError):
                return self._close(intent, decline_code(refusal.error))
        outcome = outcome_of(intent, refunds)
        if isinstance(outcome, CaptureOutcome):
            return outcome
        raise refusal or RetryableError(f"the payment intent {payment} is {intent.status}")

    def void(self, payment: str) -> VoidOutcome:
        """Cancel an intent whose money has not moved."""
        try:
            self._api.ask(lambda client: client.v1.payment_intents.cancel(payment))
        except stripe.InvalidRequestError:
            match self._retrieve(payment).status:
                case "canceled":
                    return Voided()
                case "succeeded":
                    return Captured()
                case "processing":
                    return Processing()
            raise
        return Voided()

    def inspect(self, payment: str) -> Inspection:
        """Return what Stripe knows about an intent. Cancel one whose customer did not approve it."""
        intent, refunds = self._look_up(payment)
        outcome = outcome_of(intent, refunds)
        if intent.status == "requires_payment_method":
            # Stripe lets the holder of the client secret try again with another card.
            failed = intent.last_payment_error
            outcome = self._close(intent, decline_code(failed)) if failed else None
        return Inspection(
            outcome=outcome,
            amount=from_stripes_units(intent.amount, intent.currency),
            refunds={attempt: refund_outcome(refund) for refund in refunds if (attempt := attempt_of(refund))},
            disputes=self._disputes(intent),
        )

    def approval(self, payment: str) -> Approval | None:
        """Return the client secret of an intent that its customer must approve."""
        intent = self._retrieve(payment)
        if intent.status != "requires_action" or intent.client_secret is None:
            return None
        return Approval(self._publishable_key, intent.client_secret)

    def labels(self, payment: str) -> Labels | None:
        """Return the metadata of an intent. One that was made at Stripe's dashboard may lack its origin."""
        try:
            metadata = self._retrieve(payment).metadata.to_dict()
        except stripe.InvalidRequestError as error:
            if error.http_status != NOT_FOUND:
                raise
            return None
        order = metadata.get("order", "")
        if metadata.get("stage") != self._stage or not is_order_id(order):
            return None
        try:
            return Labels(order, msgspec.convert(metadata, Origin))
        except msgspec.ValidationError:
            return Labels(order, Origin(payment, new_traceparent()))

    def disputed_since(self, time: int) -> Iterator[str]:
        """Iterate over the intents with a dispute that was created since a time."""
        for dispute in self._api.ask_all(
            lambda client: client.v1.disputes.list({"created": {"gte": time // 1000}, "limit": PAGE})
        ):
            if isinstance(dispute.payment_intent, str):
                yield dispute.payment_intent

    # Refunds

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        """Refund a part of an intent's charge, with the attempt in its metadata and as its idempotency key."""
        intent, refunds = self._look_up(payment)
        made = next((refund for refund in refunds if attempt_of(refund) == attempt), None)
        if made is not None:
            return refund_outcome(made)
        charge = intent.latest_charge
        if intent.status != "succeeded" or not isinstance(charge, stripe.Charge):
            raise RetryableError(f"the payment intent {payment} is {intent.status}, so nothing can be refunded")
        left = charge.amount - charge.amount_refunded
        units = left if amount is None else in_stripes_units(amount)
        if units is None:
            return NotRefunded(INDIVISIBLE)
        if amount is None and left <= 0:
            return Refunded(from_stripes_units(0, intent.currency))
        if units > left:
            return NotRefunded(TOO_MUCH)
        try:
            return refund_outcome(self._create_refund(intent, attempt, units))
        except stripe.InvalidRequestError as error:
            if error.code in REFUSED_REFUNDS:
                return NotRefunded(as_code(error.code))
            if error.code != "charge_already_refunded" and error.param != "amount":
                raise
            if amount is None:
                raise RetryableError(f"the payment intent {payment} was refunded meanwhile") from error
            return NotRefunded(TOO_MUCH)

    def _create_refund(self, intent: stripe.PaymentIntent, attempt: str, units: int) -> stripe.Refund:
        order = intent.metadata.to_dict().get("order", "")
        params: stripe.params.RefundCreateParams = {
            "payment_intent": intent.id,
            "amount": units,
            "metadata": {"order": order, "stage": self._stage, "refund": attempt},
        }
        return self._api.ask_once(attempt, lambda client, options: client.v1.refunds.create(params, options))

    # Parts of the above

    def _create(self, key: str, params: "stripe.params.PaymentIntentCreateParams") -> stripe.PaymentIntent:
        return self._api.ask_once(key, lambda client, options: client.v1.payment_intents.create(params, options))

    def _retrieve(self, payment: str) -> stripe.PaymentIntent:
        expand = ["latest_charge", "latest_charge.refunds"]
        return self._api.ask(lambda client: client.v1.payment_intents.retrieve(payment, {"expand": expand}))

    def _look_up(self, payment: str) -> tuple[stripe.PaymentIntent, list[stripe.Refund]]:
        """Return an intent with all refunds of its charge, of which Stripe sends ten with the intent itself."""
        intent = self._retrieve(payment)
        if not isinstance(intent.latest_charge, stripe.Charge) or intent.latest_charge.refunds is None:
            return intent, []
        if not intent.latest_charge.refunds.has_more:
            return intent, intent.latest_charge.refunds.data
        refunds = self._api.ask_all(lambda client: client.v1.refunds.list({"payment_intent": payment, "limit": PAGE}))
        return intent, list(refunds)

    def _disputes(self, intent: stripe.PaymentIntent) -> tuple[FoundDispute, ...]:
        if not isinstance(intent.latest_charge, stripe.Charge) or not intent.latest_charge.disputed:
            return ()
        disputes = self._api.ask_all(
            lambda client: client.v1.disputes.list({"payment_intent": intent.id, "limit": PAGE})
        )
        return tuple(map(found_dispute, disputes))

    def _close(self, intent: stripe.PaymentIntent, code: str) -> Declined:
        """Cancel an intent that Stripe leaves open although it was declined, and decline it with this code."""
        # The code is stored first, so that a repeated call returns it again.
        self._api.ask(lambda client: client.v1.payment_intents.update(intent.id, {"metadata": {"declined": code}}))
        try:
            self._api.ask(lambda client: client.v1.payment_intents.cancel(intent.id))
        except stripe.InvalidRequestError as error:
            raise RetryableError(f"the payment intent {intent.id} was not cancelled: {described(error)}") from error
        return Declined(code)
