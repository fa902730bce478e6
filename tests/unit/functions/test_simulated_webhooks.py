"""The webhooks of the simulated gateway: Stripe's own library accepts them, and payment understands them."""

import io
import logging
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from contracts.values.money import Money
from functions.payment.reports import About
from functions.payment.simulated import News, WebhookSender
from functions.payment.simulated.payment import answered, authorize, capture, close_dispute, refund
from functions.payment.webhooks.events import report_of
from tests.unit.functions.simulated_payments import ORDER, PAYMENT, payment
from tidings.core import clock

URL = "https://shop.example/webhooks/stripe"
SECRETS = "whsec_new whsec_old"
APPROVED, DECLINED = (answered(payment("action_required"), answer).news[0] for answer in ("approved", "declined"))
DISPUTED = capture(payment("authorized", "pm_card_disputed"), 0)


@dataclass
class Receiver:
    """The receiver of webhooks.

    Attributes:
        requests: The requests that it received.
        timeouts: Their timeouts in seconds.
        failure: What it raises.
    """

    requests: list[urllib.request.Request] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    failure: Exception | None = None

    def __call__(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        self.requests.append(request)
        self.timeouts.append(timeout)
        if self.failure:
            raise self.failure
        return io.BytesIO(b"{}")

    @property
    def body(self) -> bytes:
        data = self.requests[-1].data
        assert isinstance(data, bytes)
        return data

    def event(self, secret: str) -> stripe.Event:
        """Verify the last request as Stripe's documentation says."""
        signature = self.requests[-1].headers["Stripe-signature"]
        return stripe.Webhook.construct_event(self.body, signature, secret)  # type: ignore[no-any-return]  # Stripe's types are incomplete


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    receiver = Receiver()
    monkeypatch.setattr(urllib.request, "urlopen", receiver)
    return receiver


def send(news: News, url: str = URL, secrets: str = SECRETS, **options: Any) -> None:
    WebhookSender(url, lambda: secrets, **options)(news)


def test_stripes_library_accepts_a_webhook(receiver: Receiver) -> None:
    send(APPROVED)
    event = receiver.event("whsec_new")
    assert (event.object, event.type) == ("event", "payment_intent.amount_capturable_updated")
    assert (event.id[:4], event.data.object["id"]) == ("evt_", PAYMENT)
    (request,) = receiver.requests
    assert (request.full_url, request.get_method()) == (URL, "POST")
    assert receiver.timeouts[0] <= 3


@pytest.mark.parametrize("secret", ["whsec_old", "whsec_another"])
def test_stripes_library_refuses_a_webhook_under_another_secret(receiver: Receiver, secret: str) -> None:
    send(APPROVED)
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.event(secret)


def test_stripes_library_refuses_a_webhook_that_was_signed_long_ago(receiver: Receiver) -> None:
    send(APPROVED, clock=lambda: clock.now() - 301_000)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        receiver.event("whsec_new")


def test_two_webhooks_have_different_ids(receiver: Receiver) -> None:
    send(APPROVED)
    first = receiver.event("whsec_new").id
    send(APPROVED)
    assert receiver.event("whsec_new").id != first


@pytest.mark.parametrize(
    ("news", "about", "order"),
    [
        (APPROVED, "authorized", ORDER),
        (DECLINED, "ended", ORDER),
        (authorize(payment(method="pm_card_processing")).news[0], "authorized", ORDER),
        (refund(payment("captured", "pm_card_refund_pending"), "a/1", Money(500, "EUR")).news[0], "refund", ORDER),
        (DISPUTED.news[0], "dispute", None),
        (close_dispute(DISPUTED.payment, "won").news[0], "dispute", None),
    ],
)
def test_payment_understands_each_webhook(receiver: Receiver, news: News, about: About, order: str | None) -> None:
    send(news)
    report = report_of(receiver.body, "dev", clock.now(), payment().trace)
    assert report is not None
    assert (report.payment, report.about, report.order) == (PAYMENT, about, order)


@pytest.mark.parametrize("failure", [OSError("down"), TimeoutError(), ValueError("whsec_new")])
def test_a_webhook_that_cannot_be_sent_is_logged_and_dropped(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    receiver.failure = failure
    with caplog.at_level(logging.WARNING):
        send(APPROVED)
    (record,) = caplog.records
    assert record.getMessage() == "a webhook of the simulated gateway was not received"
    assert type(failure).__name__ in vars(record)["error"]
    assert "whsec" not in str(vars(record)["error"])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/_aws/execute-api/api/webhooks/stripe", ""])
def test_no_webhook_is_sent_to_an_address_that_is_not_one_of_http(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    with caplog.at_level(logging.WARNING):
        send(APPROVED, url)
    assert receiver.requests == []
    assert len(caplog.records) == 1


def test_no_webhook_is_sent_without_a_secret(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        send(APPROVED, secrets=" ")
    assert receiver.requests == []
    assert len(caplog.records) == 1
