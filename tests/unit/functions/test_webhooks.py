"""The endpoint of Stripe's webhooks. The events are Stripe's, shortened (Stripe API Reference, "The Event object")."""

import base64
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from stripe import WebhookSignature

from functions.payment.reports import PaymentReported, Report, UnaddressedReport, with_reports
from functions.payment.webhooks.endpoint import MAX_BYTES, SECRETS_AGE, TOLERANCE, Endpoint
from functions.payment.webhooks.events import INTENTS, OTHERS
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER
from tidings.core.event import Event
from tidings.messaging.consumer import parse_any

OURS, OTHER = "whsec_ours", "whsec_other"
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
LABELS = {"order": ORDER, "stage": "dev", "correlation": "request-1", "trace": TRACE}
INTENT = {"id": "pi_1", "object": "payment_intent", "amount": 2000, "currency": "eur", "metadata": LABELS}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "payment_intent": "pi_1",
    "metadata": {"order": ORDER, "stage": "dev", "refund": f"{ORDER}/r-1/1"},
}
DISPUTE = {"id": "dp_1", "object": "dispute", "amount": 2000, "payment_intent": "pi_1", "metadata": {}}
OBJECTS: dict[str, Any] = {
    **dict.fromkeys(INTENTS, INTENT),
    **dict.fromkeys(OTHERS, DISPUTE),
    **{name: REFUND for name in OTHERS if "refund" in name},
}


class StubReports:
    """A queue that keeps what it was sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[Report] = []
        self.down = False

    def send(self, report: Report) -> None:
        if self.down:
            raise ConnectionError(f"no answer to {report}")
        self.sent.append(report)


class Webhooks:
    """The endpoint of the stage `dev`, over a queue in memory."""

    def __init__(self, secrets: str = OURS) -> None:
        self.secrets = StubSecrets(secrets)
        self.reports = StubReports()
        self.counts: dict[str, int] = {}
        self.now = 0.0
        secret = self.secrets.secret(max_age=SECRETS_AGE, clock=lambda: self.now)
        self.endpoint = Endpoint(secret, self.reports, "dev", self._count)

    def _count(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.counts[name.removeprefix("Webhooks")] = self.counts.get(name.removeprefix("Webhooks"), 0) + count

    def post(self, body: str, header: str | None, *, encoded: bool = False) -> int:
        """Return the status of the answer to a body with a header, which every refusal explains."""
        headers = {} if header is None else {"stripe-signature": header}
        text = base64.b64encode(body.encode()).decode() if encoded else body
        answer = self.endpoint.answer({"headers": headers, "body": text, "isBase64Encoded": encoded})
        if answer["statusCode"] != 200:
            assert answer["headers"]["Content-Type"] == "application/problem+json"
            assert json.loads(answer["body"])["status"] == answer["statusCode"]
        return int(answer["statusCode"])

    def send(self, event: dict[str, Any], *, secret: str = OURS, age: float = 0) -> int:
        """Return the status of the answer to an event that was signed some seconds ago."""
        body = json.dumps(event)
        return self.post(body, signature(body, secret, age))

    @property
    def events(self) -> list[Event[Any]]:
        """The sent reports, as the consumer reads them."""
        parse = with_reports(parse_any)
        return [parse(msgspec.json.encode(report).decode()) for report in self.reports.sent]


def signature(body: str, secret: str = OURS, age: float = 0) -> str:
    header: str = WebhookSignature.generate_signature_header(body, secret, int(time.time() - age))
    return header


def stripes(kind: str, found: Any = None, n: int = 1) -> dict[str, Any]:
    """Return Stripe's n-th event."""
    return {
        "id": f"evt_{n}",
        "object": "event",
        "api_version": "2026-01-28.clover",
        "created": 1769860800,
        "data": {"object": OBJECTS[kind] if found is None else found},
        "livemode": False,
        "type": kind,
    }


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks()


CAPTURED = stripes("payment_intent.succeeded")


# Reports


@pytest.mark.parametrize(("kind", "about"), INTENTS.items())
def test_an_event_of_an_intent_is_reported_under_its_order_with_the_request_that_placed_it(
    webhooks: Webhooks, kind: str, about: str
) -> None:
    assert webhooks.send(stripes(kind)) == 200
    (event,) = webhooks.events
    assert (event.subject, event.data) == (ORDER, PaymentReported(payment="pi_1", about=about))  # type: ignore[arg-type]
    assert (event.correlationid, event.traceparent) == ("request-1", TRACE)


@pytest.mark.parametrize("kind", [kind for kind, about in OTHERS.items() if about == "refund"])
def test_an_event_of_a_refund_is_reported_under_its_order(webhooks: Webhooks, kind: str) -> None:
    assert webhooks.send(stripes(kind)) == 200
    (event,) = webhooks.events
    assert (event.subject, event.data) == (ORDER, PaymentReported(payment="pi_1", about="refund"))
    assert event.correlationid == "evt_1"


@pytest.mark.parametrize("metadata", [None, {}, {"note": "by phone"}, {"stage": "dev", "order": "7"}])
def test_a_refund_that_was_made_at_stripes_dashboard_is_reported_under_its_payment(
    webhooks: Webhooks, metadata: Any
) -> None:
    assert webhooks.send(stripes("refund.created", REFUND | {"metadata": metadata})) == 200
    (event,) = webhooks.events
    assert (event.subject, event.data) == ("pi_1", UnaddressedReport(about="refund"))


@pytest.mark.parametrize("kind", [kind for kind, about in OTHERS.items() if about == "dispute"])
def test_an_event_of_a_dispute_is_reported_under_its_payment(webhooks: Webhooks, kind: str) -> None:
    assert webhooks.send(stripes(kind)) == 200
    (event,) = webhooks.events
    assert (event.subject, event.data) == ("pi_1", UnaddressedReport(about="dispute"))


def test_a_repeated_event_is_a_message_that_the_queue_drops(webhooks: Webhooks) -> None:
    assert [webhooks.send(CAPTURED) for _ in range(2)] == [200, 200]
    first, second = webhooks.reports.sent
    assert (first.deduplication_id, first.group) == (second.deduplication_id, second.group)


def test_events_of_an_order_are_in_one_group_in_the_sequence_of_their_arrival(webhooks: Webhooks) -> None:
    for n, kind in enumerate(["payment_intent.succeeded", "payment_intent.amount_capturable_updated"]):
        assert webhooks.send(stripes(kind, n=n)) == 200
    assert [(report.about, report.group) for report in webhooks.reports.sent] == [
        ("captured", ORDER),
        ("authorized", ORDER),
    ]
    assert len({report.deduplication_id for report in webhooks.reports.sent}) == 2


def test_labels_that_staff_have_changed_are_replaced(webhooks: Webhooks) -> None:
    labels = LABELS | {"correlation": "a b", "trace": "none"}
    assert webhooks.send(stripes("payment_intent.succeeded", INTENT | {"metadata": labels})) == 200
    (event,) = webhooks.events
    assert event.correlationid == "evt_1"
    assert event.traceparent != TRACE


# Dropped events


@pytest.mark.parametrize(
    "event",
    [
        stripes("payment_intent.succeeded", {}) | {"type": "invoice.paid"},
        stripes("payment_intent.succeeded", {"payment_intent": {"id": "pi_1"}}) | {"type": "charge.succeeded"},
        stripes("payment_intent.succeeded", INTENT | {"metadata": LABELS | {"stage": "prod"}}),
        stripes("refund.updated", REFUND | {"metadata": LABELS | {"stage": "prod"}}),
        stripes("refund.updated", REFUND | {"payment_intent": None}),
        stripes("charge.dispute.created", DISPUTE | {"payment_intent": None}),
        stripes("payment_intent.succeeded", INTENT | {"metadata": {}}),
        stripes("payment_intent.succeeded", INTENT | {"metadata": {"order": ORDER}}),
        stripes("payment_intent.succeeded", INTENT | {"metadata": LABELS | {"order": "7"}}),
    ],
    ids=[
        "an unknown type",
        "an unknown type with another form",
        "another stage's payment",
        "another stage's refund",
        "a refund without an intent",
        "a dispute without an intent",
        "another shop's payment",
        "a payment without a stage",
        "a payment without an order",
    ],
)
def test_an_event_that_concerns_no_order_of_this_stage_is_dropped(webhooks: Webhooks, event: dict[str, Any]) -> None:
    assert webhooks.send(event) == 200
    assert webhooks.reports.sent == []
    assert webhooks.counts == {"Received": 0, "Refused": 0, "Dropped": 1}


# Signatures


def test_a_forged_signature_is_refused(webhooks: Webhooks) -> None:
    assert webhooks.send(CAPTURED, secret=OTHER) == 400
    assert webhooks.reports.sent == []
    assert webhooks.counts == {"Received": 0, "Refused": 1, "Dropped": 0}


def test_a_body_that_was_changed_is_refused(webhooks: Webhooks) -> None:
    body = json.dumps(CAPTURED)
    assert webhooks.post(body.replace("pi_1", "pi_2"), signature(body)) == 400
    assert webhooks.post(f"{body} ", signature(body)) == 400
    assert webhooks.reports.sent == []


@pytest.mark.parametrize(
    "header",
    [None, "", "t=1", "v1=1", "t=x,v1=1", "t=1,v1=ä", "t=\u0661,v1=1", "a", "=,=", f"t={'9' * 5000},v1=1", "t=1,v0=1"],
)
def test_a_header_that_is_no_signature_is_refused(webhooks: Webhooks, header: str | None) -> None:
    assert webhooks.post(json.dumps(CAPTURED), header) == 400
    assert webhooks.reports.sent == []


def test_a_signature_of_another_scheme_is_refused(webhooks: Webhooks) -> None:
    body = json.dumps(CAPTURED)
    assert webhooks.post(body, signature(body).replace("v1=", "v0=")) == 400


def test_an_old_signature_is_refused(webhooks: Webhooks) -> None:
    assert webhooks.send(CAPTURED, age=TOLERANCE + 2) == 400
    assert webhooks.send(CAPTURED, age=TOLERANCE - 30) == 200


def test_a_signature_of_a_clock_that_is_ahead_is_accepted(webhooks: Webhooks) -> None:
    assert webhooks.send(CAPTURED, age=-30) == 200


def test_the_headers_name_may_be_written_in_any_case(webhooks: Webhooks) -> None:
    body = json.dumps(CAPTURED)
    request = {"headers": {"Stripe-Signature": signature(body)}, "body": body}
    assert webhooks.endpoint.answer(request)["statusCode"] == 200


@pytest.mark.parametrize("secret", [OURS, OTHER])
def test_during_a_rotation_either_secret_is_accepted(secret: str) -> None:
    webhooks = Webhooks(f"{OTHER}\n{OURS}\n")
    assert webhooks.send(CAPTURED, secret=secret) == 200
    assert webhooks.send(CAPTURED, secret=f"{OTHER}\n{OURS}") == 400


def test_stripe_may_sign_with_both_secrets(webhooks: Webhooks) -> None:
    body = json.dumps(CAPTURED)
    other = signature(body, OTHER)
    assert webhooks.post(body, f"{other},{signature(body).partition(',')[2]}") == 200


def test_a_rotated_secret_is_found_within_a_minute(webhooks: Webhooks) -> None:
    assert webhooks.send(CAPTURED) == 200
    webhooks.secrets.value = OTHER
    webhooks.now = SECRETS_AGE
    assert webhooks.send(CAPTURED, secret=OTHER) == 200
    assert webhooks.send(CAPTURED) == 400


def test_forged_signatures_do_not_have_the_secrets_read_again(webhooks: Webhooks) -> None:
    assert {webhooks.send(CAPTURED, secret=OTHER) for _ in range(5)} == {400}
    assert webhooks.secrets.reads == 1


def test_an_empty_secret_accepts_nothing() -> None:
    webhooks = Webhooks(" \n")
    assert webhooks.send(CAPTURED, secret="") == 400


# Bodies


def test_a_body_in_base64_is_verified_byte_for_byte(webhooks: Webhooks) -> None:
    body = json.dumps(CAPTURED | {"note": "ä"}, ensure_ascii=False)
    assert webhooks.post(body, signature(body), encoded=True) == 200
    assert webhooks.post(body, signature(body)) == 200


def test_a_body_that_is_too_large_is_refused_whatever_its_signature(webhooks: Webhooks) -> None:
    for encoded in (False, True):
        for excess in (1, 10 * MAX_BYTES):
            body = "x" * (MAX_BYTES + excess)
            assert webhooks.post(body, signature(body), encoded=encoded) == 413
    assert webhooks.post("ä" * MAX_BYTES, "t=1,v1=1") == 413
    assert webhooks.secrets.reads == 0


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_of_the_maximum_size_is_accepted(webhooks: Webhooks, encoded: bool) -> None:
    body = json.dumps(CAPTURED)
    body += " " * (MAX_BYTES - len(body))
    assert webhooks.post(body, signature(body), encoded=encoded) == 200


@pytest.mark.parametrize(("text", "encoded"), [("%%%", True), ("\ud800", False), ("//8=", True), (None, False)])
def test_a_body_that_cannot_be_read_is_refused(webhooks: Webhooks, text: str | None, encoded: bool) -> None:
    request = {"headers": {"stripe-signature": "t=1,v1=1"}, "body": text, "isBase64Encoded": encoded}
    assert webhooks.endpoint.answer(request)["statusCode"] == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "{}",
        json.dumps(CAPTURED | {"id": None}),
        json.dumps(CAPTURED | {"id": "e" * 65}),
        json.dumps(CAPTURED | {"id": "evt/1"}),
        json.dumps(CAPTURED | {"data": {}}),
        json.dumps(stripes("payment_intent.succeeded", INTENT | {"id": "pi 1"})),
        json.dumps(stripes("payment_intent.succeeded", INTENT | {"metadata": {"order": 7}})),
        json.dumps(stripes("refund.created", REFUND | {"payment_intent": {"id": "pi_1"}})),
    ],
)
def test_a_signed_body_that_is_no_event_of_its_type_is_refused(webhooks: Webhooks, body: str) -> None:
    assert webhooks.post(body, signature(body)) == 400
    assert webhooks.reports.sent == []


# Failures


def test_stripe_repeats_an_event_that_the_queue_did_not_take(webhooks: Webhooks) -> None:
    webhooks.reports.down = True
    assert webhooks.send(CAPTURED) == 500
    assert webhooks.counts == {"Received": 0, "Refused": 0, "Dropped": 0}
    webhooks.reports.down = False
    assert webhooks.send(CAPTURED) == 200


def test_stripe_repeats_an_event_that_came_before_the_secret_was_stored(webhooks: Webhooks) -> None:
    def refuse(**_: str) -> dict[str, str]:
        raise LookupError(OURS)

    webhooks.secrets.get_secret_value = refuse  # type: ignore[method-assign]
    assert webhooks.send(CAPTURED) == 500


def test_no_part_of_a_request_and_no_secret_is_logged(
    webhooks: Webhooks, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    webhooks.send(CAPTURED)
    webhooks.send(CAPTURED, secret=OTHER)
    webhooks.send(CAPTURED | {"id": "evt 1"})
    webhooks.reports.down = True
    webhooks.send(CAPTURED)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "ERROR"]
    assert [vars(record).get("title") for record in caplog.records] == ["Not signed", "Not an event", None]
    printed = "".join(capsys.readouterr())
    for text in (OURS, OTHER, "evt", "pi_1", ORDER, "v1="):
        assert text not in printed
        assert text not in str([record.getMessage() for record in caplog.records])
