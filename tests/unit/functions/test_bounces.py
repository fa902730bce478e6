import json
from typing import Any

import pytest

from functions.notification.bounces import EmailBounced, bounce, with_bounces
from tests.unit.facts import ORDER, TRACE, fact, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.entity import inbox_key
from tidings.core.errors import PermanentError
from tidings.core.event import encode
from tidings.messaging.consumer import parse_any

MESSAGE = "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
SENT = "2026-01-31T12:00:02.012Z"


def tags(**changes: Any) -> dict[str, Any]:
    return {
        "ses:configuration-set": ["tidings-notification"],
        "ses:from-domain": ["example.com"],
        "order": [ORDER],
        "kind": ["receipt"],
        "correlation": [b"request=1/2".hex()],
        "trace": [TRACE],
    } | changes


def report(event_type: str = "Bounce", **changes: Any) -> dict[str, Any]:
    """A report of Amazon SES Developer Guide, "Examples of event data that Amazon SES publishes to Amazon SNS"."""
    return {
        "eventType": event_type,
        "mail": {
            "timestamp": SENT,
            "source": "Sender Name <shop@example.com>",
            "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/shop@example.com",
            "sendingAccountId": "123456789012",
            "messageId": MESSAGE,
            "destination": ["customer@example.com"],
            "headersTruncated": False,
            "headers": [{"name": "Subject", "value": "Your receipt"}],
            "commonHeaders": {"from": ["shop@example.com"], "to": ["customer@example.com"], "messageId": MESSAGE},
            "tags": tags(),
        },
    } | changes


def bounced(kind: str = "Permanent", subtype: str = "General", **recipient: str) -> dict[str, Any]:
    return report(
        bounce={
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": "customer@example.com", "action": "failed", **recipient}],
            "timestamp": "2026-01-31T12:00:02.526Z",
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "reportingMTA": "dsn; mta.example.com",
        }
    )


def with_tags(**changes: Any) -> dict[str, Any]:
    whole = bounced(status="5.1.1")
    whole["mail"]["tags"] = {name: value for name, value in tags(**changes).items() if value is not None}
    return whole


def message(content: dict[str, Any]) -> str:
    """The message in which EventBridge delivers a report."""
    return json.dumps({"version": "0", "source": "aws.ses", "detail-type": "Email Bounced", "detail": content})


def parsed(content: dict[str, Any]) -> Any:
    return bounce(message(content))


def judged(content: dict[str, Any]) -> EmailBounced:
    data = parsed(content).data
    assert isinstance(data, EmailBounced)
    return data


def test_a_bounce_names_the_order_and_the_kind() -> None:
    event = parsed(bounced(status="5.1.1"))
    assert event.subject == ORDER
    assert event.data == EmailBounced(kind="receipt", code="5.1.1", failed=True, address_bad=True)


@pytest.mark.parametrize("code", ["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
def test_after_a_status_about_the_recipients_address_the_address_is_bad(code: str) -> None:
    found = judged(bounced(status=code))
    assert (found.code, found.failed, found.address_bad) == (code, True, True)


@pytest.mark.parametrize("kind", ["Permanent", "Transient", "Undetermined"])
@pytest.mark.parametrize("code", ["5.2.1", "5.2.2", "5.7.1", "5.7.26", "5.1.7", "5.1.8", "5.1.9", "4.4.7", "4.2.2"])
def test_after_another_status_the_email_has_failed_and_the_address_is_not_bad(kind: str, code: str) -> None:
    found = judged(bounced(kind, status=code))
    assert (found.code, found.failed, found.address_bad) == (code, True, False)


@pytest.mark.parametrize(
    "text",
    [
        "smtp; 550 5.1.1 user unknown",
        "smtp;550-5.1.1 The account does not exist. 550 5.1.1 https://mail.example/?p=1.2.3",
        "550 5.1.1: <customer@example.com> is unknown",
        "Our address 5.1.2.9 said 5.1.1.",
    ],
)
def test_the_status_is_found_in_the_diagnosis_of_a_recipient_without_one(text: str) -> None:
    for recipient in ({"diagnosticCode": text}, {"status": "5.0.0", "diagnosticCode": text}):
        assert judged(bounced(**recipient)).code == "5.1.1"


@pytest.mark.parametrize(
    ("kind", "subtype", "failed", "bad"),
    [
        ("Permanent", "General", True, True),
        ("Permanent", "NoEmail", True, True),
        ("Permanent", "Suppressed", True, True),
        ("Permanent", "OnAccountSuppressionList", True, True),
        ("Permanent", "UnsubscribedRecipient", True, False),
        ("Transient", "MailboxFull", True, False),
        ("Transient", "MessageTooLarge", True, False),
        ("Transient", "ContentRejected", True, False),
        ("Transient", "AttachmentRejected", True, False),
        ("Transient", "General", False, False),
        ("Undetermined", "Undetermined", False, False),
    ],
)
@pytest.mark.parametrize(
    "recipient", [{}, {"status": "5.0.0"}, {"diagnosticCode": "550 customer@example.com refused by 10.5.1.1"}]
)
def test_without_a_status_sess_kind_of_bounce_decides(
    kind: str, subtype: str, failed: bool, bad: bool, recipient: dict[str, str]
) -> None:
    expected = EmailBounced(kind="receipt", code=f"{kind}/{subtype}", failed=failed, address_bad=bad)
    assert judged(bounced(kind, subtype, **recipient)) == expected


def test_a_bounce_without_recipients_is_judged_by_its_kind() -> None:
    whole = bounced()
    del whole["bounce"]["bouncedRecipients"], whole["bounce"]["bounceSubType"]
    assert judged(whole) == EmailBounced(kind="receipt", code="Permanent", failed=True, address_bad=False)


def test_no_text_of_a_report_reaches_the_event() -> None:
    text = "customer@example.com is unknown"
    for content in (
        bounced(text, text, status=text, diagnosticCode=text),
        bounced(status="5.1.1", diagnosticCode=text),
        report("Reject", reject={"reason": text}),
        report(text),
    ):
        assert "customer@example.com" not in encode(parsed(content))


def test_a_bounce_belongs_to_the_request_at_the_beginning() -> None:
    event = parsed(bounced())
    assert (event.correlationid, event.traceparent) == ("request=1/2", TRACE)


def test_a_bounce_is_not_earlier_than_the_email() -> None:
    assert parsed(bounced()).millis >= from_rfc3339(SENT)


def test_a_bounce_may_give_its_time_in_another_zone() -> None:
    whole = bounced()
    whole["mail"]["timestamp"] = "2026-01-31T13:00:02.012+01:00"
    assert parsed(whole).time == SENT


def test_a_repeated_report_is_the_same_event() -> None:
    assert inbox_key(parsed(bounced())) == inbox_key(parsed(bounced()))


def test_reports_about_different_emails_are_different_events() -> None:
    other = bounced()
    other["mail"]["messageId"] = "another"
    assert inbox_key(parsed(bounced())) != inbox_key(parsed(other))


def test_an_email_that_ses_itself_refused_has_failed_and_the_address_is_not_bad() -> None:
    found = judged(report("Reject", reject={"reason": "Bad content"}))
    assert found == EmailBounced(kind="receipt", code="Reject", failed=True, address_bad=False)


@pytest.mark.parametrize(
    "content",
    [
        with_tags(order=None),
        with_tags(kind=None),
        with_tags(correlation=None),
        with_tags(trace=None),
        with_tags(kind=["newsletter"]),
        with_tags(order=[]),
        with_tags(order=["a", "b"]),
        with_tags(order=["order-1"]),
        with_tags(order=["stock#probe"]),
        with_tags(order=["#stock"]),
        with_tags(order=[ORDER.upper()]),
        with_tags(order=[f"{ORDER}\n"]),
        with_tags(correlation=["not hexadecimal"]),
        with_tags(correlation=["ff"]),
        with_tags(correlation=[""]),
        with_tags(correlation=["20"]),
        with_tags(correlation=["61" * 129]),
        with_tags(trace=["trace"]),
        report(mail={"messageId": MESSAGE}),
        report(mail=report()["mail"] | {"timestamp": "yesterday"}),
        report(mail=report()["mail"] | {"timestamp": "0001-01-01T00:00:00.000+14:00"}),
        report(mail=report()["mail"] | {"messageId": ""}),
        report(mail=report()["mail"] | {"messageId": "m" * 129}),
    ],
)
def test_a_report_about_an_email_of_others_is_a_permanent_error(content: dict[str, Any]) -> None:
    with pytest.raises(PermanentError) as refusal:
        parsed(content)
    assert refusal.value.reason == "breaks-contract"


def test_a_refusal_of_a_report_names_the_wrong_field() -> None:
    with pytest.raises(PermanentError, match=r"^a report of SES: detail\.mail\.tags\.correlation\[0\]: This text"):
        parsed(with_tags(correlation=["ff"]))


@pytest.mark.parametrize(
    "text",
    [
        message(bounced()).replace("{", '{"source": "orders", ', 1),
        message(bounced()).replace('"bounceType"', '"bounceType": "Transient", "bounceType"'),
    ],
    ids=["source", "bounceType"],
)
def test_a_report_that_repeats_a_name_is_undecodable(text: str) -> None:
    with pytest.raises(PermanentError) as refusal:
        with_bounces(parse_any)(text)
    assert refusal.value.reason == "undecodable"


def test_reports_and_events_on_the_same_queue_are_distinguished() -> None:
    parse = with_bounces(parse_any)
    assert parse(message(bounced())).type == "EmailBounced"
    assert parse(encode(fact(order_placed()))).type == "OrderPlaced"


@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", "{}", '{"source": 1}', "\ud800", '{"a":' * 5000 + "1" + "}" * 5000],
    ids=["empty", "text", "list", "object", "number", "surrogate", "deep"],
)
def test_a_message_that_is_neither_is_a_permanent_error(body: str) -> None:
    with pytest.raises(PermanentError):
        with_bounces(parse_any)(body)
