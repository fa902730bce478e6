import json
from typing import Any

import pytest
from msgspec.structs import asdict

from tests.unit.tidings.recovery.memory import event
from tidings.core.clock import from_rfc3339
from tidings.recovery import DeadLetterDetails, DeadLetterMessage, FailureKind, describe
from tidings.recovery.dead_letters import original_of
from tidings.testing import NOON

BODY = event("ticket-1")


def dead_letter(body: str = BODY, group: str | None = None, **attributes: str) -> DeadLetterMessage:
    return DeadLetterMessage("message-1", "handle", body, from_rfc3339(NOON), group, attributes)


def test_a_dead_letter_is_described_by_the_attributes_that_the_consumer_wrote() -> None:
    details = describe(
        dead_letter(reason="gave-up", detail="Error: no", receives="5", first_seen="1767225600000"), "dlq"
    )
    assert details == DeadLetterDetails(
        message="message-1",
        subject="ticket-1",
        event="tickets/ticket-1/1",
        type="TicketClosed",
        reason="gave-up",
        detail="Error: no",
        receives=5,
        first_seen="2026-01-01T00:00:00.000Z",
    )


def test_a_dead_letter_that_sqs_moved_is_dated_by_its_sending() -> None:
    details = describe(dead_letter(), "dlq")
    assert (details.reason, details.detail, details.receives) == ("received-too-often", "", None)
    assert details.first_seen == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize("body", ["", "{", "{}", "null", "[" * 100_000, "x" * 70_000])
def test_a_message_without_an_event_is_identified_by_its_group_and_its_own_id(body: str) -> None:
    details = describe(dead_letter(body, "group", reason="undecodable", type="-"), "dlq")
    assert (details.subject, details.event, details.type, details.reason) == ("group", None, None, "undecodable")
    head = original_of(dead_letter(body, "group")).head
    assert (head.id, head.type, head.subject) == ("message-1", "", "group")
    assert original_of(dead_letter(body)).head.subject == "message-1"


@pytest.mark.parametrize("text", ["", "many", "-1", "9" * 30])
def test_an_attribute_that_is_not_a_number_is_ignored(text: str) -> None:
    details = describe(dead_letter(receives=text, first_seen=text), "dlq")
    assert (details.receives, details.first_seen) == (None, "2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize("name", ["type", "source"])
@pytest.mark.parametrize("value", ["tab\there", "café", "nul\u0000"])
def test_a_name_that_sqs_refuses_is_not_sent_back(name: str, value: str) -> None:
    broken = json.loads(BODY) | {name: value}
    broken["id"] = f"{broken['source']}/ticket-1/1"
    head = original_of(dead_letter(json.dumps(broken))).head
    assert value not in (head.type, head.id)
    assert head.id == "message-1"


def test_an_id_without_room_for_a_deduplication_id_is_replaced_by_the_messages_own_id() -> None:
    assert original_of(dead_letter(event("o" * 64, source="s" * 64))).head.id == "message-1"


def test_an_undelivered_event_is_described_by_the_topics_code() -> None:
    message = dead_letter(ErrorCode="NonExistentQueue", ErrorMessage="gone", type="TicketClosed")
    details = describe(message, "undelivered")
    assert (details.reason, details.detail, details.type) == ("undelivered", "NonExistentQueue", "TicketClosed")


def test_a_relays_dead_letter_is_described_by_its_records_and_a_time_before_their_events() -> None:
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "startSequenceNumber": "10",
            "endSequenceNumber": "20",
            "approximateArrivalOfFirstRecord": "2026-01-31T12:01:00Z",
            "batchSize": 7,
        },
    }
    details = describe(dead_letter(json.dumps(body)), "relay")
    assert (details.reason, details.detail) == ("RetryAttemptsExhausted", "7 records, 10 to 20")
    assert details.since == "2026-01-31T12:00:00.000Z"
    assert details.batch


def test_an_event_that_a_relay_refused_is_described_by_the_attributes_that_the_relay_wrote() -> None:
    message = dead_letter(
        reason="refused", detail="InvalidParameter", key="ticket-1", event="tickets/ticket-1/1", type="TicketClosed"
    )
    assert describe(message, "relay") == DeadLetterDetails(
        message="message-1",
        subject="ticket-1",
        event="tickets/ticket-1/1",
        type="TicketClosed",
        reason="refused",
        detail="InvalidParameter",
        receives=None,
        first_seen=NOON,
    )


@pytest.mark.parametrize("kind", ["dlq", "undelivered", "relay"])
def test_a_time_after_the_year_9999_is_ignored(kind: FailureKind) -> None:
    details = describe(dead_letter(first_seen="9" * 15, reason="gave-up"), kind)
    assert details.first_seen == NOON


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        {},
        {"DDBStreamBatchInfo": 1},
        {"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": "noon"}},
        {"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": 12}},
        {"requestContext": "nothing"},
        "[" * 100_000,
        '{"x":' + "[" * 100_000,
        "",
    ],
)
def test_an_unreadable_dead_letter_of_a_relay_is_described_all_the_same(body: Any) -> None:
    details = describe(dead_letter(body if isinstance(body, str) else json.dumps(body)), "relay")
    assert (details.reason, details.since) == ("not-relayed", None)


def test_the_description_of_a_batch_is_one_short_line_whatever_its_report_holds() -> None:
    text = "\u001b[31m" + "x" * 10_000
    report = {
        "requestContext": {"condition": text},
        "DDBStreamBatchInfo": {"batchSize": text, "approximateArrivalOfFirstRecord": "1970-01-01T00:00:10Z"},
    }
    details = describe(dead_letter(json.dumps(report)), "relay")
    assert len(details.reason) <= 200
    assert (details.reason + details.detail).isprintable()
    assert details.since == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("kind", ["dlq", "undelivered", "relay"])
@pytest.mark.parametrize("character", ["x", "\U0001f600", "\n"])
def test_a_description_is_short_whatever_the_message_and_its_attributes_hold(kind: FailureKind, character: str) -> None:
    text = character * 60_000
    attributes = dict.fromkeys(("reason", "detail", "type", "key", "event", "ErrorCode"), text)
    for body in (BODY, event("x" * 60_000), "{}"):
        details = describe(dead_letter(body, "x" * 128, **attributes), kind)
        assert len(json.dumps(asdict(details), ensure_ascii=False).encode()) <= 6_000
        assert len(details.reason) <= 200
        assert (details.reason + details.detail).isprintable()
