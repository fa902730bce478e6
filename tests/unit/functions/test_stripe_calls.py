"""Calls to Stripe that fail or wait, over stubbed answers."""

import random
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from functions.payment.gateway import Captured, Opened
from functions.payment.service import service
from functions.payment.stripe_gateway import StripeGateway
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER
from tests.unit.functions.stripe_answers import (
    ATTEMPT,
    AUTHORIZED,
    FAILED,
    KEY_IN_USE,
    ORIGIN,
    REUSED_KEY,
    STAGE,
    TOTAL,
    UNEXPECTED_STATE,
    Answer,
    StubHttp,
    answering,
    charged,
    dispute,
    intent,
    listed,
    refund,
    refused,
    replayed,
    wrong,
)
from tidings.core.errors import RetryableError, ThrottledError
from tidings.handling.pace import Pace

Call = Callable[[StripeGateway], object]

OPENED = intent("requires_confirmation")
REFUSED_KEY = refused(401, "invalid_request_error")

CALLS: dict[str, Call] = {
    "open": lambda gateway: gateway.open(ORDER, TOTAL, "pm_1", ORIGIN),
    "authorize": lambda gateway: gateway.authorize("pi_1"),
    "capture": lambda gateway: gateway.capture("pi_1"),
    "void": lambda gateway: gateway.void("pi_1"),
    "refund": lambda gateway: gateway.refund("pi_1", ATTEMPT, None),
    "inspect": lambda gateway: gateway.inspect("pi_1"),
    "approval": lambda gateway: gateway.approval("pi_1"),
    "labels": lambda gateway: gateway.labels("pi_1"),
    "disputed_since": lambda gateway: list(gateway.disputed_since(0)),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())

# Failures


@every_call
@pytest.mark.parametrize(
    "failure",
    [
        refused(409, "invalid_request_error", code="lock_timeout"),
        FAILED,
        refused(503, "api_error"),
        Answer(502, "<html>Bad Gateway</html>"),
        stripe.APIConnectionError("Timed out", should_retry=True),  # type: ignore[no-untyped-call]  # it has no types
    ],
)
def test_a_transient_failure_is_retried_later(call: Call, failure: Answer | Exception) -> None:
    stripe_api = answering(failure)
    with pytest.raises(RetryableError, match="Stripe did not answer"):
        call(stripe_api.gateway)
    assert len(stripe_api.http.requests) == 1


@every_call
@pytest.mark.parametrize("code", ["rate_limit", "lock_timeout"])
def test_too_many_requests_and_a_locked_object_ask_to_slow_down(call: Call, code: str) -> None:
    stripe_api = answering(refused(429, "invalid_request_error", code=code))
    with pytest.raises(ThrottledError, match="Stripe asks to slow down"):
        call(stripe_api.gateway)
    assert len(stripe_api.http.requests) == 1


@every_call
def test_a_failure_that_an_operator_must_fix_is_not_converted(call: Call) -> None:
    with pytest.raises(stripe.PermissionError):
        call(answering(refused(403, "invalid_request_error")).gateway)


@pytest.mark.parametrize("failure", [FAILED, KEY_IN_USE])
def test_a_new_failure_is_retried_later_with_the_same_idempotency_key(failure: Answer) -> None:
    stripe_api = answering(failure, OPENED)
    with pytest.raises(RetryableError):
        CALLS["open"](stripe_api.gateway)
    assert CALLS["open"](stripe_api.gateway) == Opened("pi_1")
    assert [request.idempotency_key for request in stripe_api.http.requests] == [f"{ORDER}/open"] * 2


def test_a_key_that_another_request_uses_is_retried_later() -> None:
    for answers in ([KEY_IN_USE], [REUSED_KEY, KEY_IN_USE]):
        with pytest.raises(RetryableError, match="idempotency_key_in_use, HTTP 409"):
            CALLS["open"](answering(*answers).gateway)
    with pytest.raises(RetryableError, match="idempotency_key_in_use, HTTP 409"):
        CALLS["refund"](answering(charged(), KEY_IN_USE).gateway)


@pytest.mark.parametrize(
    "failure",
    [
        replayed(FAILED),
        replayed(refused(403, "invalid_request_error")),
        replayed(wrong("account_invalid")),
        REUSED_KEY,
        refused(409, "idempotency_error"),
    ],
)
def test_a_key_that_is_used_up_has_a_successor(failure: Answer) -> None:
    stripe_api = answering(failure, OPENED)
    assert CALLS["open"](stripe_api.gateway) == Opened("pi_1")
    assert [request.idempotency_key for request in stripe_api.http.requests] == [f"{ORDER}/open", f"{ORDER}/open/again"]


def test_a_successor_that_is_used_up_too_is_an_error() -> None:
    with pytest.raises(stripe.IdempotencyError):
        CALLS["open"](answering(REUSED_KEY, REUSED_KEY).gateway)


# The API key


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
    ("name", "answers"),
    [
        ("open", [replayed(FAILED), OPENED]),
        ("open", [wrong("gone", param="payment_method"), OPENED]),
        ("authorize", [UNEXPECTED_STATE, AUTHORIZED]),
        ("capture", [UNEXPECTED_STATE, intent("succeeded")]),
        ("capture", [REFUSED_KEY, intent("succeeded")]),
        ("void", [UNEXPECTED_STATE, charged()]),
        ("refund", [charged(), Answer(200, refund("pending"))]),
        ("inspect", [charged(disputed=True), listed(dispute("won"))]),
        ("inspect", [charged(refund("succeeded"), more_refunds=True), listed(refund("succeeded"))]),
        ("disputed_since", [listed(dispute("won"), has_more=True), listed(dispute("lost"))]),
    ],
)
def test_every_call_waits_for_its_turn(name: str, answers: list[Answer]) -> None:
    stripe_api, turns = answering(*answers), list[int]()
    stripe_api.secrets.later = ["sk_test_2"]
    stripe_api.pace = lambda: turns.append(len(stripe_api.http.requests))
    CALLS[name](stripe_api.gateway)
    assert turns == [0, 1]


def test_without_a_turn_no_call_is_made() -> None:
    stripe_api, pace = answering(), Pace(1, lambda: 0.0)
    pace.begin(0)
    stripe_api.pace = pace.wait
    with pytest.raises(ThrottledError):
        stripe_api.gateway.capture("pi_1")
    assert stripe_api.http.requests == []


class Function:
    """A function's time, which only waiting takes. Its threads are taken in turns."""

    def __init__(self, begun: float, rate: float, calls: list[float]) -> None:
        self.now = begun
        self.pace = Pace(rate, lambda: self.now, self._sleep)
        secret = StubSecrets("sk_test_1").secret()
        self.gateway = StripeGateway(secret, STAGE, "pk_test_1", http=self._http(calls), pace=self.pace.wait)

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
