import json
from typing import Any

import pytest

from ops.letters import Description, Letter, described, entry_of
from tests.unit.facts import NOON_MILLIS, ORDER, fact
from tidings.contracts import OrderCancelled
from tidings.events import encode

BODY = encode(fact(OrderCancelled(reason="customer")))


def letter(body: str = BODY, group: str | None = None, **attributes: str) -> Letter:
    return Letter("message-1", "receipt", body, NOON_MILLIS, group, attributes)


def test_a_letter_says_what_the_runtime_wrote_on_it() -> None:
    told = described(letter(reason="gave-up", detail="Error: no", attempts="5", first_seen="1767225600000"), "dlq")
    assert told == Description(
        message="message-1",
        order=ORDER,
        event=f"orders/{ORDER}/1",
        type="OrderCancelled",
        reason="gave-up",
        detail="Error: no",
        attempts=5,
        first_seen="2026-01-01T00:00:00.000Z",
    )


def test_a_letter_that_sqs_itself_put_there_is_dated_by_its_sending() -> None:
    told = described(letter(), "dlq")
    assert (told.reason, told.detail, told.attempts) == ("received-too-often", "", None)
    assert told.first_seen == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize("body", ["", "{", "{}", "null", "[" * 100_000, "x" * 70_000])
def test_what_holds_no_event_is_known_by_its_group_and_its_message(body: str) -> None:
    told = described(letter(body, "group", reason="undecodable", type="-"), "dlq")
    assert (told.order, told.event, told.type, told.reason) == ("group", None, None, "undecodable")
    head = entry_of(letter(body, "group")).head
    assert (head.id, head.type, head.subject) == ("message-1", "", "group")
    assert entry_of(letter(body)).head.subject == "message-1"


@pytest.mark.parametrize("text", ["", "many", "-1", "9" * 30])
def test_numbers_that_are_none_are_passed_over(text: str) -> None:
    told = described(letter(attempts=text, first_seen=text), "dlq")
    assert (told.attempts, told.first_seen) == (None, "2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize("name", ["type", "source"])
@pytest.mark.parametrize("value", ["tab\there", "café", "nul\u0000"])
def test_a_name_that_sqs_would_not_take_does_not_travel_back(name: str, value: str) -> None:
    event = json.loads(BODY) | {name: value}
    event["id"] = f"{event['source']}/{ORDER}/1"
    head = entry_of(letter(json.dumps(event))).head
    assert value not in (head.type, head.id)
    assert head.id == ("message-1" if name == "source" else event["id"])


def test_an_id_that_leaves_no_room_for_a_new_deduplication_id_is_replaced_by_the_messages_own() -> None:
    order = "o" * 64
    event = json.loads(BODY) | {"source": "s" * 64, "subject": order, "id": f"{'s' * 64}/{order}/1"}
    assert entry_of(letter(json.dumps(event))).head.id == "message-1"


def test_what_was_not_delivered_says_why_where_the_topic_did() -> None:
    told = described(letter(ErrorCode="NonExistentQueue", ErrorMessage="gone", type="OrderCancelled"), "undelivered")
    assert (told.reason, told.detail, told.type) == ("undelivered", "NonExistentQueue gone", "OrderCancelled")


def test_news_of_a_relay_say_which_records_why_and_since_when() -> None:
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "startSequenceNumber": "10",
            "endSequenceNumber": "20",
            "approximateArrivalOfFirstRecord": "2026-01-31T12:01:00Z",
            "batchSize": 7,
        },
    }
    told = described(letter(json.dumps(body)), "relay")
    assert (told.reason, told.detail) == ("RetryAttemptsExhausted", "7 records, 10 to 20")
    assert told.since == "2026-01-31T12:00:00.000Z"


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
    ],
)
def test_news_of_a_relay_that_cannot_be_read_are_shown_all_the_same(body: Any) -> None:
    told = described(letter(body if isinstance(body, str) else json.dumps(body)), "relay")
    assert (told.reason, told.since) == ("not-relayed", None)
