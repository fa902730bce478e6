"""Stubbed answers of Stripe, in the form that Stripe documents, and the gateway over them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

from contracts.values.money import Money
from functions.payment.gateway import Origin
from functions.payment.stripe_gateway import StripeGateway
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER

STAGE = "test"
TOTAL = Money(2000, "EUR")
ORIGIN = Origin("request-1", f"00-{'a' * 32}-{'b' * 16}-01")
ATTEMPT = f"{ORDER}/cancellation/1"
CLIENT_SECRET = "pi_1_secret_of_the_customer"  # noqa: S105 - it is made up
LABELS = {"order": ORDER, "stage": STAGE, "correlation": ORIGIN.correlation, "trace": ORIGIN.trace}

INTENTS = "/v1/payment_intents"
INTENT = f"{INTENTS}/pi_1"
CONFIRM, CAPTURE, CANCEL = f"{INTENT}/confirm", f"{INTENT}/capture", f"{INTENT}/cancel"
REFUNDS, DISPUTES = "/v1/refunds", "/v1/disputes"


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
        "amount": TOTAL.amount,
        "currency": "eur",
        "client_secret": CLIENT_SECRET,
        "metadata": LABELS,
        "latest_charge": None,
        "last_payment_error": None,
        "cancellation_reason": None,
    }
    return Answer(200, body | more)


def refund(status: str, amount: int = TOTAL.amount, *, attempt: str | None = ATTEMPT, **more: Any) -> dict[str, Any]:
    """Return a refund; one that was made at the dashboard if it has no attempt."""
    metadata = {"order": ORDER, "stage": STAGE, "refund": attempt} if attempt else {}
    body = {"object": "refund", "id": "re_1", "status": status, "amount": amount, "currency": "eur"}
    return body | {"metadata": metadata} | more


def charged(*refunds: dict[str, Any], more_refunds: bool = False, **more: Any) -> Answer:
    """Return an intent that succeeded, with these refunds. Stripe counts pending ones, too, as refunded."""
    returned = sum(each["amount"] for each in refunds if each["status"] in ("succeeded", "pending", "requires_action"))
    charge = {"object": "charge", "id": "ch_1", "amount": TOTAL.amount, "amount_refunded": returned, "disputed": False}
    charge["refunds"] = listed(*refunds, has_more=more_refunds).body
    return intent("succeeded", latest_charge=charge | more)


def dispute(status: str, **more: Any) -> dict[str, Any]:
    body = {"object": "dispute", "id": "dp_1", "status": status, "amount": 2000, "currency": "eur"}
    return body | {"reason": "fraudulent", "payment_intent": "pi_1"} | more


def listed(*objects: dict[str, Any], has_more: bool = False, url: str = REFUNDS) -> Answer:
    return Answer(200, {"object": "list", "url": url, "data": list(objects), "has_more": has_more})


def refused(status: int, kind: str, **more: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": "No.", **more}})


def wrong(code: str, **more: str) -> Answer:
    return refused(400, "invalid_request_error", code=code, **more)


def replayed(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, {"idempotent-replayed": "true"})


UNEXPECTED_STATE = wrong("payment_intent_unexpected_state")
UNKNOWN_INTENT = refused(404, "invalid_request_error", code="resource_missing", param="intent")
AUTHORIZED = intent("requires_capture", latest_charge="ch_1")
CANCELED = intent("canceled")
FAILED = refused(500, "api_error")
REUSED_KEY = refused(400, "idempotency_error")
KEY_IN_USE = refused(409, "idempotency_error", code="idempotency_key_in_use")


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
        headers, target = headers or {}, urlsplit(url)
        self.requests.append(
            StripeRequest(
                method,
                target.path,
                headers["Authorization"].removeprefix("Bearer "),
                headers.get("Idempotency-Key"),
                dict(parse_qsl(post_data or target.query)),
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
    pace: Callable[[], None] = lambda: None

    @property
    def gateway(self) -> StripeGateway:
        return StripeGateway(self.secrets.secret(), STAGE, "pk_test_1", http=self.http, pace=self.pace)


def answering(*answers: Answer | Exception) -> StubbedStripe:
    return StubbedStripe(StubHttp(*answers), StubSecrets("sk_test_1"))
