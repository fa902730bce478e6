"""Stripe's gateway over stubbed answers, in the form that Stripe documents."""

import json
import random
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe

from contracts.values.money import DECIMALS, Money
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    UNKNOWN_METHOD,
    Authorize,
    Authorized,
    Cancel,
    Capture,
    Captured,
    Declined,
    NotRefunded,
    Open,
    Opened,
    Refunded,
    RefundPending,
    Voided,
)
from functions.payment.service import service
from functions.payment.stripe_gateway import (
    AUTHENTICATION_REQUIRED,
    CODE_LENGTH,
    GENERIC_DECLINE,
    StripeGateway,
    from_stripes_units,
    in_stripes_units,
)
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER
from tidings.core.errors import RetryableError, ThrottledError
from tidings.handling.pace import Pace

TOTAL = Money(2000, "EUR")
INTENT = "/v1/payment_intents/pi_1"
UNEXPECTED_STATE = "payment_intent_unexpected_state"


@dataclass
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def intent(status: str, **more: Any) -> Answer:
    body: dict[str, Any] = {
        "object": "payment_intent",
        "id": "pi_1",
        "status": status,
        "metadata": {},
        "latest_charge": None,
        "cancellation_reason": None,
        "currency": "eur",
    }
    return Answer(200, body | more)


def refund(status: str, amount: int = 2000, *, ours: bool = True, **more: Any) -> dict[str, Any]:
    metadata = {"cancellation": ORDER} if ours else {}
    body = {"object": "refund", "id": "re_1", "status": status, "amount": amount, "currency": "eur"}
    return body | {"metadata": metadata} | more


def charged(*refunds: dict[str, Any]) -> Answer:
    """An intent that succeeded, with these refunds. Stripe counts pending ones, too, as refunded."""
    returned = sum(each["amount"] for each in refunds if each["status"] in ("succeeded", "pending"))
    charge = {"object": "charge", "id": "ch_1", "amount": 2000, "amount_refunded": returned}
    charge["refunds"] = {"object": "list", "data": list(refunds), "has_more": False}
    return intent("succeeded", latest_charge=charge)


def refused(status: int, kind: str, **more: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": "No.", **more}})


def wrong(code: str, **more: str) -> Answer:
    return refused(400, "invalid_request_error", code=code, **more)


AUTHORIZED = intent("requires_capture", latest_charge="ch_1")
DONE = Answer(200, refund("succeeded"))
FAILED = refused(500, "api_error")
REPLAYED_FAILURE = Answer(FAILED.status, FAILED.body, {"idempotent-replayed": "true"})


@dataclass
class StripeRequest:
    method: str
    path: str
    key: str
    idempotency_key: str | None
    form: dict[str, str]


class StubHttp(stripe.HTTPClient):
    """An HTTP client that returns prepared answers one after another, and records the requests."""

    name = "stub"

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[StripeRequest] = []

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        headers = headers or {}
        self.requests.append(
            StripeRequest(
                method,
                urlsplit(url).path,
                headers["Authorization"].removeprefix("Bearer "),
                headers.get("Idempotency-Key"),
                dict(parse_qsl(post_data or "")),
            )
        )
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer.body), answer.status, answer.headers

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@dataclass
class StubbedStripe:
    """The gateway over prepared answers of Stripe and of Secrets Manager."""

    http: StubHttp
    secrets: StubSecrets

    @property
    def gateway(self) -> StripeGateway:
        return StripeGateway(self.secrets.secret(), http=self.http)


def answering(*answers: Answer | Exception) -> StubbedStripe:
    return StubbedStripe(StubHttp(*answers), StubSecrets("sk_test_1"))


# Opening


def test_a_payment_is_opened_with_an_idempotency_key_made_of_the_orders_id() -> None:
    stripe_api = answering(intent("requires_confirmation"))
    assert stripe_api.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    (request,) = stripe_api.http.requests
    assert (request.path, request.idempotency_key) == ("/v1/payment_intents", f"{ORDER}/open")
    assert (request.form["confirm"], request.form["capture_method"]) == ("false", "manual")


@pytest.mark.parametrize(
    "refusal", [wrong("resource_missing", param="payment_method"), refused(404, "invalid_request_error")]
)
def test_a_payment_is_opened_without_a_method_if_the_customers_method_does_not_exist(refusal: Answer) -> None:
    stripe_api = answering(refusal, intent("requires_payment_method"))
    assert stripe_api.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    first, second = stripe_api.http.requests
    assert "payment_method" in first.form
    assert "payment_method" not in second.form
    assert first.idempotency_key != second.idempotency_key


@pytest.mark.parametrize("param", ["amount", "currency"])
def test_an_amount_that_stripe_does_not_charge_is_declined_at_once(param: str) -> None:
    refused_amount = answering(wrong("amount_too_small", param=param))
    assert refused_amount.gateway.open(ORDER, TOTAL, "pm_1") == Declined("amount_too_small")


def test_any_other_refused_opening_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("parameter_unknown", param="metadata")).gateway.open(ORDER, TOTAL, "pm_1")


def test_a_failure_that_stripe_replays_is_retried_at_once_with_another_idempotency_key() -> None:
    stripe_api = answering(REPLAYED_FAILURE, intent("requires_confirmation"))
    assert stripe_api.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    assert [request.idempotency_key for request in stripe_api.http.requests] == [f"{ORDER}/open", f"{ORDER}/open/again"]


def test_a_new_failure_is_retried_later_with_the_same_idempotency_key() -> None:
    stripe_api = answering(FAILED)
    with pytest.raises(RetryableError):
        stripe_api.gateway.open(ORDER, TOTAL, "pm_1")
    assert len(stripe_api.http.requests) == 1


@pytest.mark.parametrize(
    ("money", "amount"),
    [
        (Money(1999, "EUR"), 1999),
        (Money(500, "JPY"), 500),
        (Money(5120, "KWD"), 5120),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(500, "MGA"), 5),
    ],
)
def test_amounts_are_converted_to_stripes_units(money: Money, amount: int) -> None:
    assert in_stripes_units(money) == amount
    assert from_stripes_units(amount, money.currency.lower()) == money


# Stripe Docs, "Supported currencies": zero-decimal and three-decimal currencies, and special cases.
STRIPES_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF"), 1),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 1),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 1000),
    **dict.fromkeys(("ISK", "UGX"), 100),
}


@pytest.mark.parametrize("currency", sorted(DECIMALS.keys() - {"CLF", "IQD", "LYD", "UYI", "UYW"}))
def test_a_whole_unit_of_each_currency_that_stripe_takes_is_as_many_units_as_stripe_documents(currency: str) -> None:
    whole = Money(10 ** DECIMALS[currency], currency)
    assert in_stripes_units(whole) == STRIPES_UNITS.get(currency, 100)


def test_an_amount_that_stripe_cannot_represent_is_declined_without_a_request() -> None:
    stripe_api = answering()
    assert in_stripes_units(Money(550, "MGA")) is None
    assert stripe_api.gateway.open(ORDER, Money(550, "MGA"), "pm_1") == Declined("indivisible_amount")
    assert stripe_api.http.requests == []


# Authorizing


def test_a_successful_authorization_is_one_call() -> None:
    stripe_api = answering(AUTHORIZED)
    assert stripe_api.gateway.authorize("pi_1") == Authorized()
    assert stripe_api.http.paths == [f"{INTENT}/confirm"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "card_declined", "decline_code": "authentication_required"}, "authentication_required"),
        ({"code": "card_declined"}, "card_declined"),
        ({"code": "expired_card"}, "expired_card"),
        ({}, GENERIC_DECLINE),
        ({"code": "x" * 100}, "x" * CODE_LENGTH),
    ],
)
def test_a_card_error_is_a_decline_with_the_most_specific_code(error: dict[str, str], code: str) -> None:
    assert answering(refused(402, "card_error", **error)).gateway.authorize("pi_1") == Declined(code)


@pytest.mark.parametrize("code", ["fraudulent", "lost_card", "merchant_blacklist", "stolen_card"])
def test_a_decline_does_not_reveal_that_the_card_is_suspected(code: str) -> None:
    error = refused(402, "card_error", code="card_declined", decline_code=code)
    assert answering(error).gateway.authorize("pi_1") == Declined(GENERIC_DECLINE)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (AUTHORIZED, Authorized()),
        (charged(), Captured()),
        (charged(refund("succeeded")), Refunded(TOTAL)),
        (charged(refund("pending")), Captured()),
        (charged(refund("succeeded", 500, ours=False)), Captured()),
        (intent("canceled"), Voided()),
        (intent("canceled", cancellation_reason="requested_by_customer"), Voided()),
        (intent("canceled", cancellation_reason="automatic"), Declined(AUTHORIZATION_EXPIRED)),
        (intent("canceled", cancellation_reason="expired"), Declined(AUTHORIZATION_EXPIRED)),
        (intent("canceled", metadata={"declined": AUTHENTICATION_REQUIRED}), Declined(AUTHENTICATION_REQUIRED)),
        (
            intent(
                "requires_payment_method",
                last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"},
            ),
            Declined("insufficient_funds"),
        ),
        (intent("requires_payment_method", last_payment_error=None), Declined(UNKNOWN_METHOD)),
    ],
)
def test_the_authorization_of_a_payment_that_is_not_open_returns_its_outcome(found: Answer, outcome: object) -> None:
    stripe_api = answering(wrong(UNEXPECTED_STATE), found)
    assert stripe_api.gateway.authorize("pi_1") == outcome
    assert stripe_api.http.paths == [f"{INTENT}/confirm", INTENT]


def test_a_payment_that_needs_its_customer_is_cancelled_after_its_reason_was_stored() -> None:
    waiting = intent("requires_action")
    stripe_api = answering(waiting, waiting, intent("canceled"))
    assert stripe_api.gateway.authorize("pi_1") == Declined(AUTHENTICATION_REQUIRED)
    assert stripe_api.http.paths == [f"{INTENT}/confirm", INTENT, f"{INTENT}/cancel"]
    assert stripe_api.http.requests[1].form == {"metadata[declined]": AUTHENTICATION_REQUIRED}


def test_a_method_that_was_used_up_after_the_opening_is_a_decline() -> None:
    opened = intent("requires_confirmation")
    stripe_api = answering(wrong("", param="payment_method"), opened, opened, intent("canceled"))
    assert stripe_api.gateway.authorize("pi_1") == Declined(UNKNOWN_METHOD)


def test_an_authorization_that_stripe_refuses_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), intent("requires_confirmation")).gateway.authorize("pi_1")


def test_a_payment_that_stripe_is_still_processing_is_retried_later() -> None:
    with pytest.raises(RetryableError, match="the payment intent pi_1 is processing"):
        answering(intent("processing")).gateway.authorize("pi_1")


# Capturing


def test_a_successful_capture_is_one_call() -> None:
    stripe_api = answering(intent("succeeded", latest_charge="ch_1"))
    assert stripe_api.gateway.capture("pi_1") == Captured()
    assert stripe_api.http.paths == [f"{INTENT}/capture"]


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (charged(), Captured()),
        (charged(refund("succeeded")), Refunded(TOTAL)),
        (charged(refund("pending")), Captured()),
        (charged(refund("succeeded", 500, ours=False)), Captured()),
        (intent("canceled"), Voided()),
        (intent("canceled", cancellation_reason="automatic"), Declined(AUTHORIZATION_EXPIRED)),
        (intent("canceled", metadata={"declined": AUTHORIZATION_EXPIRED}), Declined(AUTHORIZATION_EXPIRED)),
    ],
)
def test_the_capture_of_a_payment_that_has_ended_returns_its_outcome(found: Answer, outcome: object) -> None:
    stripe_api = answering(wrong(UNEXPECTED_STATE), found)
    assert stripe_api.gateway.capture("pi_1") == outcome
    assert stripe_api.http.paths == [f"{INTENT}/capture", INTENT]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (wrong("charge_expired_for_capture"), AUTHORIZATION_EXPIRED),
        (refused(402, "card_error", code="capture_charge_authorization_expired"), AUTHORIZATION_EXPIRED),
        (refused(402, "card_error", code="card_declined", decline_code="insufficient_funds"), "insufficient_funds"),
    ],
)
def test_a_payment_that_cannot_be_captured_any_more_is_cancelled_and_declined(refusal: Answer, code: str) -> None:
    stripe_api = answering(refusal, AUTHORIZED, AUTHORIZED, intent("canceled"))
    assert stripe_api.gateway.capture("pi_1") == Declined(code)
    assert stripe_api.http.paths == [f"{INTENT}/capture", INTENT, INTENT, f"{INTENT}/cancel"]
    assert stripe_api.http.requests[2].form == {"metadata[declined]": code}


def test_a_capture_that_the_bank_declined_for_good_is_a_decline() -> None:
    error = {"code": "card_declined", "decline_code": "do_not_honor"}
    found = intent("requires_payment_method", last_payment_error=error)
    assert answering(refused(402, "card_error", **error), found).gateway.capture("pi_1") == Declined("do_not_honor")


@pytest.mark.parametrize("status", ["requires_capture", "requires_confirmation"])
def test_a_capture_that_stripe_refuses_for_another_reason_is_an_error(status: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), intent(status)).gateway.capture("pi_1")


# Cancelling


def test_a_payment_that_was_captured_meanwhile_is_not_declined() -> None:
    refusal = wrong("charge_expired_for_capture")
    stripe_api = answering(refusal, AUTHORIZED, AUTHORIZED, wrong(UNEXPECTED_STATE), charged())
    assert stripe_api.gateway.capture("pi_1") == Captured()


def test_an_intent_that_stripe_does_not_cancel_is_an_error() -> None:
    refusal = wrong("charge_expired_for_capture")
    with pytest.raises(stripe.InvalidRequestError):
        answering(refusal, AUTHORIZED, AUTHORIZED, wrong("account_invalid"), AUTHORIZED).gateway.capture("pi_1")


def test_a_payment_is_refunded_completely_with_an_idempotency_key_made_of_its_id() -> None:
    stripe_api = answering(charged(), DONE)
    assert stripe_api.gateway.cancel("pi_1") == Refunded(TOTAL)
    request = stripe_api.http.requests[1]
    assert (request.path, request.idempotency_key) == ("/v1/refunds", "pi_1/refund")
    assert request.form["amount"] == "2000"


def test_a_payment_of_which_a_part_was_refunded_at_the_dashboard_is_refunded_for_the_rest() -> None:
    stripe_api = answering(charged(refund("succeeded", 500, ours=False)), Answer(200, refund("succeeded", 1500)))
    assert stripe_api.gateway.cancel("pi_1") == Refunded(Money(1500, "EUR"))
    assert stripe_api.http.requests[1].form["amount"] == "1500"


def test_a_payment_that_was_refunded_at_the_dashboard_returns_no_more() -> None:
    stripe_api = answering(charged(refund("succeeded", ours=False)))
    assert stripe_api.gateway.cancel("pi_1") == Refunded(Money(0, "EUR"))


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (refund("succeeded"), Refunded(TOTAL)),
        (refund("succeeded", 1500), Refunded(Money(1500, "EUR"))),
        (refund("pending"), RefundPending()),
        (refund("requires_action"), RefundPending()),
        (refund("failed", failure_reason="expired_or_canceled_card"), NotRefunded("expired_or_canceled_card")),
        (refund("failed"), NotRefunded("failed")),
        (refund("canceled"), NotRefunded("canceled")),
    ],
)
def test_the_status_of_a_refund_is_its_outcome_when_it_is_made_and_later(
    found: dict[str, Any], outcome: object
) -> None:
    assert answering(charged(), Answer(200, found)).gateway.cancel("pi_1") == outcome
    stripe_api = answering(charged(found))
    assert stripe_api.gateway.cancel("pi_1") == outcome
    assert stripe_api.http.paths == [INTENT]


def test_a_payment_that_was_refunded_meanwhile_is_looked_at_again_later() -> None:
    with pytest.raises(RetryableError, match="refunded meanwhile"):
        answering(charged(), wrong("charge_already_refunded")).gateway.cancel("pi_1")


@pytest.mark.parametrize("code", ["charge_disputed", "insufficient_funds"])
def test_a_refund_that_stripe_does_not_make_is_not_refunded(code: str) -> None:
    assert answering(charged(), wrong(code)).gateway.cancel("pi_1") == NotRefunded(code)


def test_a_refund_that_stripe_refuses_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(charged(), wrong("parameter_unknown")).gateway.cancel("pi_1")


def test_a_cancellation_that_stripe_refuses_is_an_error() -> None:
    waiting = intent("processing")
    with pytest.raises(stripe.InvalidRequestError):
        answering(waiting, wrong(UNEXPECTED_STATE), waiting).gateway.cancel("pi_1")


def test_an_authorized_payment_is_cancelled_without_a_refund() -> None:
    stripe_api = answering(AUTHORIZED, intent("canceled"))
    assert stripe_api.gateway.cancel("pi_1") == Voided()
    assert stripe_api.http.paths == [INTENT, f"{INTENT}/cancel"]


# Failures


@pytest.mark.parametrize(
    "failure",
    [
        refused(409, "invalid_request_error", code="lock_timeout"),
        refused(409, "idempotency_error", code="idempotency_key_in_use"),
        FAILED,
        refused(503, "api_error"),
        Answer(502, "<html>Bad Gateway</html>"),
        stripe.APIConnectionError("Timed out", should_retry=True),  # type: ignore[no-untyped-call]  # it has no types
    ],
)
def test_a_transient_failure_is_retried_later(failure: Answer | Exception) -> None:
    for effect in (Open(ORDER, TOTAL, "pm_1"), Authorize("pi_1"), Capture("pi_1"), Cancel("pi_1")):
        stripe_api = answering(failure)
        with pytest.raises(RetryableError, match="Stripe did not answer"):
            effect.perform(stripe_api.gateway)
        assert len(stripe_api.http.requests) == 1


@pytest.mark.parametrize("code", ["rate_limit", "lock_timeout"])
def test_too_many_requests_and_a_locked_object_ask_to_slow_down(code: str) -> None:
    for effect in (Open(ORDER, TOTAL, "pm_1"), Authorize("pi_1"), Capture("pi_1"), Cancel("pi_1")):
        stripe_api = answering(refused(429, "invalid_request_error", code=code))
        with pytest.raises(ThrottledError, match="Stripe asks to slow down"):
            effect.perform(stripe_api.gateway)
        assert len(stripe_api.http.requests) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refused(403, "invalid_request_error"), stripe.PermissionError),
        (refused(400, "idempotency_error"), stripe.IdempotencyError),
    ],
)
def test_a_failure_that_an_operator_must_fix_is_not_converted(failure: Answer, error: type[stripe.StripeError]) -> None:
    with pytest.raises(error):
        answering(failure).gateway.capture("pi_1")


# The key


REFUSED_KEY = refused(401, "invalid_request_error")


def test_a_refused_key_is_read_again_and_the_call_is_repeated_with_the_new_one() -> None:
    stripe_api = answering(REFUSED_KEY, intent("succeeded"))
    stripe_api.secrets.later = ["sk_test_2"]
    assert stripe_api.gateway.capture("pi_1") == Captured()
    assert [request.key for request in stripe_api.http.requests] == ["sk_test_1", "sk_test_2"]


def test_a_new_key_that_is_refused_too_is_an_error() -> None:
    stripe_api = answering(REFUSED_KEY, REFUSED_KEY)
    stripe_api.secrets.later = ["sk_test_2", "sk_test_3"]
    with pytest.raises(stripe.AuthenticationError):
        stripe_api.gateway.capture("pi_1")
    assert stripe_api.secrets.reads == 2


def test_a_refused_key_that_is_still_the_same_is_not_tried_again() -> None:
    stripe_api = answering(REFUSED_KEY)
    with pytest.raises(stripe.AuthenticationError):
        stripe_api.gateway.capture("pi_1")
    assert (len(stripe_api.http.requests), stripe_api.secrets.reads) == (1, 2)


def test_the_key_is_read_once_for_many_calls() -> None:
    stripe_api = answering(*[intent("succeeded")] * 3)
    gateway = stripe_api.gateway
    for _ in range(3):
        gateway.capture("pi_1")
    assert stripe_api.secrets.reads == 1


# The rate of calls


@pytest.mark.parametrize(
    ("effect", "answers"),
    [
        (Open(ORDER, TOTAL, "pm_1"), [REPLAYED_FAILURE, intent("requires_confirmation")]),
        (Open(ORDER, TOTAL, "pm_1"), [wrong("gone", param="payment_method"), intent("requires_payment_method")]),
        (Authorize("pi_1"), [wrong(UNEXPECTED_STATE), AUTHORIZED]),
        (Capture("pi_1"), [wrong(UNEXPECTED_STATE), intent("succeeded")]),
        (Cancel("pi_1"), [charged(), DONE]),
        (Capture("pi_1"), [refused(401, "invalid_request_error"), intent("succeeded")]),
    ],
)
def test_every_call_waits_for_its_turn(effect: Open | Authorize | Capture | Cancel, answers: list[Answer]) -> None:
    http, turns = StubHttp(*answers), list[int]()
    secrets = StubSecrets("sk_test_1", ["sk_test_2"])
    effect.perform(StripeGateway(secrets.secret(), http=http, pace=lambda: turns.append(len(http.requests))))
    assert turns == [0, 1]


def test_without_a_turn_no_call_is_made() -> None:
    http = StubHttp()
    pace = Pace(1, lambda: 0.0)
    pace.begin(0)
    with pytest.raises(ThrottledError):
        StripeGateway(StubSecrets("sk_test_1").secret(), http=http, pace=pace.wait).capture("pi_1")
    assert http.requests == []


class Function:
    """A function's time, which only waiting takes. Its threads are taken in turns."""

    def __init__(self, begun: float, rate: float, calls: list[float]) -> None:
        self.now = begun
        self.pace = Pace(rate, lambda: self.now, self._sleep)
        self.gateway = StripeGateway(StubSecrets("sk_test_1").secret(), http=self._http(calls), pace=self.pace.wait)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _http(self, calls: list[float]) -> StubHttp:
        function = self

        class TimedHttp(StubHttp):
            def request(self, *arguments: Any, **options: Any) -> Any:
                calls.append(function.now)
                return super().request(*arguments, **options)

        return TimedHttp(*[intent("succeeded")] * 10_000)


def test_in_any_second_all_functions_together_make_no_more_calls_than_the_stage_allows(rng: random.Random) -> None:
    rate, functions = 50, service.concurrency
    calls: list[float] = []
    running = [Function(rng.random() * 2, rate // functions, calls) for _ in range(functions)]
    for _ in range(2000):
        function = rng.choice(running)
        if rng.random() < 0.02:
            function.now += rng.random() * 5
        function.gateway.capture("pi_1")
    calls.sort()
    busiest = max(bisect_left(calls, begin + 1 - 1e-6) - n for n, begin in enumerate(calls))
    assert functions < busiest <= rate
