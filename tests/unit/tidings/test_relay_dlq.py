"""The relay's dead-letter queue on SQS: whatever a letter holds, SQS accepts it."""

import json
import re
from typing import Any, cast

import pytest

from tidings.aws.relay_dlq import MAX_ATTRIBUTE, SqsRelayDeadLetterQueue
from tidings.core.ports import RefusedEvent
from tidings.recovery import DeadLetterDetails, DeadLetterMessage, describe

ACCEPTED = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
MAX_MESSAGE_BYTES = 256 * 1024


class SqsClient:
    """A client that refuses what SQS refuses (Amazon SQS API Reference, "SendMessage")."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, str]]] = []

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]) -> None:  # noqa: N803 - boto3's names
        assert QueueUrl == "url"
        attributes = {name: value["StringValue"] for name, value in MessageAttributes.items()}
        assert all(ACCEPTED.fullmatch(text) for text in (MessageBody, *attributes.values()))
        size = sum(len(text.encode()) for text in (MessageBody, *attributes, *attributes.values()))
        assert size + len("String") * len(attributes) <= MAX_MESSAGE_BYTES
        assert len(attributes) <= 10
        self.sent.append((MessageBody, attributes))


def sent(letter: RefusedEvent) -> tuple[str, dict[str, str]]:
    client = SqsClient()
    SqsRelayDeadLetterQueue(lambda: cast("Any", client), "url").dead_letter(letter)
    (message,) = client.sent
    return message


def test_a_letter_is_the_events_text_with_the_reason_and_the_events_head_in_attributes() -> None:
    letter = RefusedEvent('{"id":"s/a/1"}', "refused", "InvalidParameter", "a", "s/a/1", "T")
    assert sent(letter) == (
        '{"id":"s/a/1"}',
        {"reason": "refused", "detail": "InvalidParameter", "key": "a", "event": "s/a/1", "type": "T"},
    )


def test_an_escaped_character_leaves_json_text_equal() -> None:
    text = "a\ufffeb\uffff🙂"
    body, _ = sent(RefusedEvent(json.dumps({"text": text}, ensure_ascii=False), "unpublishable", "-"))
    assert json.loads(body) == {"text": text}


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "é" * 300_000, "\uffff" * 100_000, "a\nb\tc", "x" * 5_000])
def test_whatever_a_letter_holds_it_is_sent_and_described(text: str) -> None:
    body, attributes = sent(RefusedEvent(text, "undecodable", text, text, text, text))
    assert all(len(value) <= MAX_ATTRIBUTE for value in attributes.values())
    details = describe(DeadLetterMessage("message-1", "handle", body, 0, None, attributes), "relay")
    assert (details.reason, details.batch) == ("undecodable", False)


def test_a_letter_whose_event_cannot_be_read_is_described_by_its_reason_and_its_entitys_key() -> None:
    body, attributes = sent(RefusedEvent("not JSON", "undecodable", "DecodeError", "a"))
    assert describe(DeadLetterMessage("message-1", "handle", body, 0, None, attributes), "relay") == DeadLetterDetails(
        message="message-1",
        subject="a",
        event=None,
        type=None,
        reason="undecodable",
        detail="DecodeError",
        receives=None,
        first_seen="1970-01-01T00:00:00.000Z",
    )
