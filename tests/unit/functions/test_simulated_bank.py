"""The simulated bank's page."""

import base64
import hashlib
import logging
import re
from html.parser import HTMLParser
from typing import Any, cast

import pytest

from functions.payment.bank.server import MAX_BODY_BYTES, serve
from functions.payment.simulated import SimulatedPayment
from functions.payment.simulated.payment import Answer, answered
from tests.unit.functions.simulated_payments import ORDER, SECRET, payment

FORM = "application/x-www-form-urlencoded"


class StubBank:
    """A bank with one payment.

    Attributes:
        payment: The payment.
        fails: Whether it fails.
    """

    def __init__(self, payment: SimulatedPayment) -> None:
        self.payment = payment
        self.fails = False

    def payment_of(self, client_secret: str) -> SimulatedPayment | None:
        if self.fails:
            raise OSError(f"no answer about {client_secret}")
        return self.payment if client_secret == self.payment.client_secret else None

    def answer(self, payment: str, answer: Answer) -> SimulatedPayment:
        assert payment == self.payment.id
        self.payment = answered(self.payment, answer).payment
        return self.payment


class Outline(HTMLParser):
    """The parts of a page that a screen reader and a browser use."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[dict[str, str | None]]] = {}
        self.texts: dict[str, list[str]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1] if self.tags else "", []).append(data)


@pytest.fixture
def bank() -> StubBank:
    return StubBank(payment("action_required", "pm_card_authentication_required"))


def call(
    bank: StubBank, body: str | None = None, *, secret: str = SECRET, encoded: bool = False, content_type: str = FORM
) -> dict[str, Any]:
    """Send a request in the form of an HTTP API: GET without a body, else POST."""
    event = {
        "rawPath": "/simulated-bank",
        "queryStringParameters": {"client_secret": secret},
        "headers": {} if body is None else {"Content-Type": content_type},
        "requestContext": {"requestId": "request-1", "http": {"method": "GET" if body is None else "POST"}},
        "body": body,
        "isBase64Encoded": encoded,
    }
    return serve(bank)(event, cast("Any", None))


def title(answer: dict[str, Any]) -> str:
    (text,) = Outline(answer["body"]).texts["h1"][:1]
    return text.strip()


def test_the_page_shows_the_payment_and_asks_for_a_decision(bank: StubBank) -> None:
    answer = call(bank)
    outline = Outline(answer["body"])
    assert (answer["statusCode"], title(answer)) == (200, "Approve this payment?")
    assert "19.99 EUR" in answer["body"]
    assert ORDER in answer["body"]
    assert [each["value"] for each in outline.attributes["button"]] == ["approve", "decline"]
    assert {each["name"] for each in outline.attributes["button"]} == {"decision"}
    assert outline.attributes["form"] == [{"method": "post"}]


def test_a_look_decides_nothing(bank: StubBank) -> None:
    call(bank)
    assert bank.payment.status == "action_required"


@pytest.mark.parametrize(
    ("decision", "status", "shown"),
    [
        ("approve", "authorized", "You approved this payment"),
        ("decline", "declined", "You declined this payment"),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_a_decision_is_recorded_and_shown(
    bank: StubBank, decision: str, status: str, shown: str, encoded: bool
) -> None:
    text = f"decision={decision}"
    body = base64.b64encode(text.encode()).decode() if encoded else text
    answers = [call(bank, body, encoded=encoded), call(bank, body, encoded=encoded), call(bank)]
    assert [(answer["statusCode"], title(answer)) for answer in answers] == [(200, shown)] * 3
    assert bank.payment.status == status
    assert "<form" not in answers[0]["body"]


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("approve", "decline", "You approved this payment"),
        ("decline", "approve", "You declined this payment"),
    ],
)
def test_a_contradicting_decision_is_refused_and_shows_the_first(
    bank: StubBank, first: str, second: str, shown: str
) -> None:
    call(bank, f"decision={first}")
    decided = bank.payment
    answer = call(bank, f"decision={second}")
    assert (answer["statusCode"], title(answer)) == (409, shown)
    assert bank.payment == decided


@pytest.mark.parametrize("status", ["open", "voided", "captured"])
def test_a_payment_that_awaits_no_approval_takes_no_decision(status: str) -> None:
    bank = StubBank(payment(status))
    assert (call(bank)["statusCode"], title(call(bank))) == (200, "This payment awaits no approval")
    answer = call(bank, "decision=approve")
    assert (answer["statusCode"], title(answer)) == (409, "This payment awaits no approval")
    assert bank.payment.status == status


@pytest.mark.parametrize("body", [None, "decision=approve"])
def test_an_unknown_secret_is_not_found(bank: StubBank, body: str | None) -> None:
    answer = call(bank, body, secret=f"{SECRET[:-1]}3")
    assert answer["statusCode"] == 404
    assert "19.99" not in answer["body"]
    assert bank.payment.status == "action_required"


@pytest.mark.parametrize(
    ("body", "encoded", "content_type", "status"),
    [
        ("", False, FORM, 400),
        ("decision=", False, FORM, 400),
        ("decision=APPROVE", False, FORM, 400),
        ("approve", False, FORM, 400),
        ("decision=approve&decision=decline", False, FORM, 400),
        ("*", True, FORM, 400),
        (base64.b64encode(b"\xff").decode(), True, FORM, 400),
        ("decision=approve", False, "application/json", 415),
        ("decision=approve", False, "", 415),
        ("decision=approve&" + "x" * MAX_BODY_BYTES, False, FORM, 413),
        (base64.b64encode(b"x" * (MAX_BODY_BYTES + 1)).decode(), True, FORM, 413),
        ("x" * 1_000_000, False, FORM, 413),
    ],
)
def test_a_form_that_is_not_valid_is_refused(
    bank: StubBank, body: str, encoded: bool, content_type: str, status: int
) -> None:
    answer = call(bank, body, encoded=encoded, content_type=content_type)
    assert answer["statusCode"] == status
    assert bank.payment.status == "action_required"


def test_a_failure_is_answered_and_logged_without_the_secret(bank: StubBank, caplog: pytest.LogCaptureFixture) -> None:
    bank.fails = True
    with caplog.at_level(logging.ERROR):
        answer = call(bank)
    assert (answer["statusCode"], title(answer)) == (503, "The bank does not answer")
    (record,) = caplog.records
    assert "OSError" in vars(record)["error"]
    assert SECRET not in str(vars(record))


def pages(bank: StubBank) -> list[dict[str, Any]]:
    """Return a page of each kind."""
    return [
        call(bank),
        call(bank, "decision=no"),
        call(bank, "decision=approve"),
        call(bank, "decision=decline"),
        call(bank, secret="unknown"),  # noqa: S106 - it is unknown
        call(StubBank(payment("voided"))),
    ]


def test_every_page_says_that_it_simulates_a_bank(bank: StubBank) -> None:
    for page in pages(bank):
        assert "This page simulates a bank for tests. No money moves." in page["body"]


def test_every_page_is_accessible_and_loads_nothing(bank: StubBank) -> None:
    for page in pages(bank):
        outline = Outline(page["body"])
        assert outline.attributes["html"] == [{"lang": "en"}]
        assert outline.tags.count("h1") == outline.tags.count("main") == outline.tags.count("title") == 1
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in outline.attributes["meta"]
        assert not {"script", "link", "img", "iframe"} & {*outline.tags}
        assert all("://" not in str(value) for each in outline.attributes.values() for value in each)
        assert len(page["body"]) < 4096


def test_every_page_forbids_scripts_frames_and_copies(bank: StubBank) -> None:
    for page in pages(bank):
        headers = page["headers"]
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy.pop("style-src").startswith("'sha256-")
        assert policy == {
            "default-src": "'none'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }


def test_the_policy_allows_the_pages_own_style(bank: StubBank) -> None:
    page = call(bank)
    (style,) = re.findall(r"<style>(.*?)</style>", page["body"], re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page["headers"]["Content-Security-Policy"]


def test_what_a_page_shows_is_escaped() -> None:
    page = call(StubBank(payment("action_required", order="<script>alert('1')</script>")))
    assert "<script>" not in page["body"]
    assert "&lt;script&gt;" in page["body"]
