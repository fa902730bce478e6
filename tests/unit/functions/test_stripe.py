"""What Stripe's gateway makes of Stripe's answers, as its documentation has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe

from functions.payment.gateway import (
    UNKNOWN_METHOD,
    Cancel,
    Captured,
    Confirm,
    Declined,
    Open,
    Opened,
    Refunded,
    Voided,
    perform,
)
from functions.payment.stripe_gateway import (
    AUTHENTICATION_REQUIRED,
    CODE_LENGTH,
    GENERIC_DECLINE,
    StripeGateway,
    in_stripes_units,
)
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER
from tidings.contracts import Money
from tidings.errors import RetryableError

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
    }
    return Answer(200, body | more)


def charged(*, refunded: bool) -> Answer:
    return intent("succeeded", latest_charge={"object": "charge", "id": "ch_1", "refunded": refunded})


def refused(status: int, kind: str, **more: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": "No.", **more}})


def wrong(code: str, **more: str) -> Answer:
    return refused(400, "invalid_request_error", code=code, **more)


DONE = Answer(200, {"object": "refund", "id": "re_1"})
FAILED = refused(500, "api_error")
TOLD_AGAIN = Answer(FAILED.status, FAILED.body, {"idempotent-replayed": "true"})


@dataclass
class Asked:
    method: str
    path: str
    key: str
    idempotency_key: str | None
    form: dict[str, str]


class StubHttp(stripe.HTTPClient):
    """Gives the answers that it was given, in turn, and remembers what was asked."""

    name = "stub"

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[Asked] = []

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
        self.asked.append(
            Asked(
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
        return [asked.path for asked in self.asked]


@dataclass
class Bench:
    http: StubHttp
    secrets: StubSecrets

    @property
    def gateway(self) -> StripeGateway:
        return StripeGateway(self.secrets.secret(), http=self.http)


def answering(*answers: Answer | Exception) -> Bench:
    return Bench(StubHttp(*answers), StubSecrets("sk_test_1"))


# Opening


def test_a_payment_is_opened_under_a_key_made_of_the_orders_id() -> None:
    bench = answering(intent("requires_confirmation"))
    assert bench.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    (asked,) = bench.http.asked
    assert (asked.path, asked.idempotency_key) == ("/v1/payment_intents", f"{ORDER}/open")
    assert asked.form["confirm"] == "false"


@pytest.mark.parametrize(
    "refusal", [wrong("resource_missing", param="payment_method"), refused(404, "invalid_request_error")]
)
def test_a_payment_is_opened_without_a_method_where_the_customers_is_none(refusal: Answer) -> None:
    bench = answering(refusal, intent("requires_payment_method"))
    assert bench.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    first, second = bench.http.asked
    assert "payment_method" in first.form
    assert "payment_method" not in second.form
    assert first.idempotency_key != second.idempotency_key


@pytest.mark.parametrize("param", ["amount", "currency"])
def test_what_stripe_charges_nobody_is_declined_at_once(param: str) -> None:
    refused_amount = answering(wrong("amount_too_small", param=param))
    assert refused_amount.gateway.open(ORDER, TOTAL, "pm_1") == Declined("amount_too_small")


def test_what_else_is_wrong_with_an_opening_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("parameter_unknown", param="metadata")).gateway.open(ORDER, TOTAL, "pm_1")


def test_a_failure_that_stripe_remembers_is_not_waited_out() -> None:
    bench = answering(TOLD_AGAIN, intent("requires_confirmation"))
    assert bench.gateway.open(ORDER, TOTAL, "pm_1") == Opened("pi_1")
    assert [asked.idempotency_key for asked in bench.http.asked] == [f"{ORDER}/open", f"{ORDER}/open/again"]


def test_a_failure_that_is_told_for_the_first_time_is_retried_under_the_same_key() -> None:
    bench = answering(FAILED)
    with pytest.raises(RetryableError):
        bench.gateway.open(ORDER, TOTAL, "pm_1")
    assert len(bench.http.asked) == 1


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
def test_amounts_are_counted_as_stripe_counts_them(money: Money, amount: int) -> None:
    assert in_stripes_units(money) == amount


def test_an_amount_that_stripe_cannot_count_is_declined_and_asked_of_nobody() -> None:
    bench = answering()
    assert in_stripes_units(Money(550, "MGA")) is None
    assert bench.gateway.open(ORDER, Money(550, "MGA"), "pm_1") == Declined("indivisible_amount")
    assert bench.http.asked == []


# Confirming


def test_a_confirmation_that_succeeds_is_one_call() -> None:
    bench = answering(intent("succeeded", latest_charge="ch_1"))
    assert bench.gateway.confirm("pi_1") == Captured()
    assert bench.http.paths == [f"{INTENT}/confirm"]


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
def test_a_card_error_is_a_decline_with_the_most_telling_code(error: dict[str, str], code: str) -> None:
    assert answering(refused(402, "card_error", **error)).gateway.confirm("pi_1") == Declined(code)


@pytest.mark.parametrize("code", ["fraudulent", "lost_card", "merchant_blacklist", "stolen_card"])
def test_a_customer_is_not_told_that_the_card_is_suspected(code: str) -> None:
    error = refused(402, "card_error", code="card_declined", decline_code=code)
    assert answering(error).gateway.confirm("pi_1") == Declined(GENERIC_DECLINE)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (charged(refunded=False), Captured()),
        (charged(refunded=True), Refunded()),
        (intent("canceled"), Voided()),
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
def test_an_ended_payment_is_told_as_what_it_is(found: Answer, outcome: object) -> None:
    bench = answering(wrong(UNEXPECTED_STATE), found)
    assert bench.gateway.confirm("pi_1") == outcome
    assert bench.http.paths == [f"{INTENT}/confirm", INTENT]


def test_a_payment_that_needs_its_customer_is_closed_with_its_reason_written_first() -> None:
    waiting = intent("requires_action")
    bench = answering(waiting, waiting, waiting, intent("canceled"))
    assert bench.gateway.confirm("pi_1") == Declined(AUTHENTICATION_REQUIRED)
    assert bench.http.paths == [f"{INTENT}/confirm", INTENT, INTENT, f"{INTENT}/cancel"]
    assert bench.http.asked[1].form == {"metadata[declined]": AUTHENTICATION_REQUIRED}


def test_a_method_that_was_used_up_since_the_opening_is_a_decline() -> None:
    opened = intent("requires_confirmation")
    bench = answering(wrong("", param="payment_method"), opened, opened, opened, intent("canceled"))
    assert bench.gateway.confirm("pi_1") == Declined(UNKNOWN_METHOD)


def test_a_payment_that_stripe_will_not_confirm_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), intent("requires_confirmation")).gateway.confirm("pi_1")


def test_a_payment_that_stripe_is_still_at_is_asked_for_later() -> None:
    with pytest.raises(RetryableError, match="the payment intent pi_1 is processing"):
        answering(intent("processing")).gateway.confirm("pi_1")


# Cancelling


def test_a_payment_is_refunded_whole_under_a_key_made_of_its_id() -> None:
    bench = answering(charged(refunded=False), DONE)
    assert bench.gateway.cancel("pi_1") == Refunded()
    refund = bench.http.asked[1]
    assert (refund.path, refund.form) == ("/v1/refunds", {"payment_intent": "pi_1"})
    assert refund.idempotency_key == "pi_1/refund"


def test_a_payment_that_was_refunded_is_left_as_it_is() -> None:
    bench = answering(charged(refunded=True))
    assert bench.gateway.cancel("pi_1") == Refunded()
    assert bench.http.paths == [INTENT]


def test_a_refund_that_was_made_meanwhile_is_a_refund() -> None:
    assert answering(charged(refunded=False), wrong("charge_already_refunded")).gateway.cancel("pi_1") == Refunded()


def test_a_refund_that_stripe_will_not_make_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(charged(refunded=False), wrong("charge_disputed")).gateway.cancel("pi_1")


def test_a_cancellation_that_stripe_will_not_make_is_an_error() -> None:
    waiting = intent("processing")
    with pytest.raises(stripe.InvalidRequestError):
        answering(waiting, wrong(UNEXPECTED_STATE), waiting).gateway.cancel("pi_1")


# What fails


@pytest.mark.parametrize(
    "failure",
    [
        refused(429, "invalid_request_error", code="rate_limit"),
        refused(429, "invalid_request_error", code="lock_timeout"),
        refused(409, "invalid_request_error", code="lock_timeout"),
        refused(409, "idempotency_error", code="idempotency_key_in_use"),
        FAILED,
        refused(503, "api_error"),
        Answer(502, "<html>Bad Gateway</html>"),
        stripe.APIConnectionError("Timed out", should_retry=True),  # type: ignore[no-untyped-call]  # it has no types
    ],
)
def test_what_may_pass_is_to_be_tried_again(failure: Answer | Exception) -> None:
    for effect in (Open(ORDER, TOTAL, "pm_1"), Confirm("pi_1"), Cancel("pi_1")):
        bench = answering(failure)
        with pytest.raises(RetryableError, match="Stripe did not answer"):
            perform(bench.gateway, effect)
        assert len(bench.http.asked) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refused(403, "invalid_request_error"), stripe.PermissionError),
        (refused(400, "idempotency_error"), stripe.IdempotencyError),
    ],
)
def test_what_an_operator_must_see_to_stays_the_error_that_it_is(
    failure: Answer, error: type[stripe.StripeError]
) -> None:
    with pytest.raises(error):
        answering(failure).gateway.confirm("pi_1")


# The key


REFUSED_KEY = refused(401, "invalid_request_error")


def test_a_refused_key_is_read_again_and_the_call_made_with_the_new_one() -> None:
    bench = answering(REFUSED_KEY, intent("succeeded"))
    bench.secrets.later = ["sk_test_2"]
    assert bench.gateway.confirm("pi_1") == Captured()
    assert [asked.key for asked in bench.http.asked] == ["sk_test_1", "sk_test_2"]


def test_a_new_key_that_is_refused_too_is_an_error() -> None:
    bench = answering(REFUSED_KEY, REFUSED_KEY)
    bench.secrets.later = ["sk_test_2", "sk_test_3"]
    with pytest.raises(stripe.AuthenticationError):
        bench.gateway.confirm("pi_1")
    assert bench.secrets.reads == 2


def test_a_refused_key_that_is_still_the_same_is_not_tried_again() -> None:
    bench = answering(REFUSED_KEY)
    with pytest.raises(stripe.AuthenticationError):
        bench.gateway.confirm("pi_1")
    assert (len(bench.http.asked), bench.secrets.reads) == (1, 2)


def test_the_key_is_read_once_for_many_calls() -> None:
    bench = answering(*[intent("succeeded")] * 3)
    gateway = bench.gateway
    for _ in range(3):
        gateway.confirm("pi_1")
    assert bench.secrets.reads == 1
