"""Amazon SES over stubbed answers."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from functions.notification.mail import Rejected, Send, Sent, SesMailer
from tests.unit.facts import ORDER, RECIPIENT, TRACE, order_placed
from tidings.aws.throttling import is_throttled
from tidings.core.errors import ThrottledError
from tidings.handling.pace import Pace

RECEIPT = Send("receipt", ORDER, order_placed(), RECIPIENT, "", 0, "request-1", TRACE)
SENDER = "orders@tidings.example"


class StubSes:
    """A client of SES that accepts every e-mail, or fails with one error."""

    def __init__(self, code: str = "", text: str = "") -> None:
        self.requests: list[Any] = []
        self._error = ClientError({"Error": {"Code": code, "Message": text}}, "SendEmail") if code else None

    def send_email(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        if self._error:
            raise self._error
        return {"MessageId": "message-1"}


def mailer(ses: StubSes, pace: Pace | None = None) -> SesMailer:
    return SesMailer(cast(Any, ses), SENDER, "set", pace.wait if pace else lambda: None)


def test_an_accepted_email_is_sent_by_one_request() -> None:
    ses = StubSes()
    assert RECEIPT.perform(mailer(ses)) == Sent("receipt", "message-1")
    (request,) = ses.requests
    assert (request["Source"], request["ConfigurationSetName"]) == (SENDER, "set")


@pytest.mark.parametrize("text", ["Maximum sending rate exceeded.", "Daily message quota exceeded."])
def test_a_used_up_quota_asks_to_slow_down(text: str) -> None:
    with pytest.raises(ClientError) as caught:
        RECEIPT.perform(mailer(StubSes("Throttling", text)))
    assert is_throttled(caught.value)


def test_an_account_that_may_not_send_is_a_failure_and_no_reason_to_slow_down() -> None:
    with pytest.raises(ClientError) as caught:
        RECEIPT.perform(mailer(StubSes("MessageRejected", "Sending suspended for this account.")))
    assert not is_throttled(caught.value)


@pytest.mark.parametrize(
    ("code", "text", "bad"),
    [
        ("MessageRejected", "Address blacklisted.", True),
        ("InvalidParameterValue", "Missing final '@domain'", True),
        ("InvalidParameterValue", "Domain contains illegal character", True),
        ("MessageRejected", "The message contains a virus.", False),
    ],
)
def test_an_email_that_ses_refuses_is_rejected_by_its_code(code: str, text: str, bad: bool) -> None:
    assert RECEIPT.perform(mailer(StubSes(code, text))) == Rejected("receipt", code, address_bad=bad)


def test_every_email_waits_for_its_turn() -> None:
    waits: list[float] = []
    ses, pace = StubSes(), Pace(4, lambda: 0.0, waits.append)
    for _ in range(3):
        RECEIPT.perform(mailer(ses, pace))
    assert waits == [0.25, 0.5, 0.75]


def test_without_a_turn_no_email_is_sent() -> None:
    ses, pace = StubSes(), Pace(4, lambda: 0.0)
    pace.begin(0)
    with pytest.raises(ThrottledError):
        RECEIPT.perform(mailer(ses, pace))
    assert ses.requests == []
