"""The dead letters of a consumer on SQS: whatever a letter holds, SQS accepts it."""

import re
from typing import Any, cast

import pytest

from tidings.aws.sqs import MAX_TEXT, SqsQueue
from tidings.core.ports import DeadLetter, Message
from tidings.recovery import DeadLetterMessage, describe

ACCEPTED = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
SENT = 1_700_000_000_000


class SqsClient:
    """A client that refuses what SQS refuses (Amazon SQS API Reference, "SendMessage")."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sent: list[tuple[str, dict[str, str]]] = []

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]) -> None:  # noqa: N803 - boto3's names
        assert QueueUrl == "dlq"
        parts = [MessageBody]
        for name, value in MessageAttributes.items():
            assert ACCEPTED.fullmatch(value["StringValue"])
            parts += [name, value["DataType"], value["StringValue"]]
        assert sum(len(part.encode()) for part in parts) <= self.limit
        self.sent.append((MessageBody, {name: value["StringValue"] for name, value in MessageAttributes.items()}))


def sent(
    body: str, detail: str, *, reason: str = "gave-up", event_type: str | None = "TicketClosed", limit: int = 256 * 1024
) -> dict[str, str]:
    """Return the attributes of a letter as SQS accepted it."""
    client = SqsClient(limit)
    queue = SqsQueue(lambda: cast("Any", client), "queue", "dlq", "standard")
    queue.dead_letter(DeadLetter(Message("message-1", "handle", body, 3, SENT, SENT, "a"), reason, detail, event_type))
    ((found, attributes),) = client.sent
    assert found == body
    return attributes


ALL = {"reason": "gave-up", "receives": "3", "first_seen": str(SENT), "type": "TicketClosed", "detail": "no answer"}


def test_a_letter_is_the_message_with_the_description_of_its_failure() -> None:
    assert sent("{}", "no answer") == ALL


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\ufffe", "a\nb\tc", "é" * 300_000, "x" * 300_000, ""])
def test_whatever_an_attribute_holds_the_letter_is_sent_and_described(text: str) -> None:
    attributes = sent("no event", text, reason=text or "-", event_type=text)
    assert all(len(value) <= MAX_TEXT for value in attributes.values())
    described = describe(DeadLetterMessage("message-1", "handle", "no event", SENT, None, attributes), "dlq")
    assert (described.receives, described.first_seen) == (3, "2023-11-14T22:13:20.000Z")


def test_a_letter_without_a_detail_or_a_type_has_a_dash_for_it() -> None:
    assert sent("{}", "", event_type=None) == ALL | {"type": "-", "detail": "-"}


def test_beside_a_large_body_the_detail_is_shortened_to_the_room_that_is_left() -> None:
    used = sum(len(name) + len("String") + len(value) for name, value in ALL.items()) - len(ALL["detail"])
    body = "x" * (256 * 1024 - used - 9)
    assert sent(body, "abcdefghijklm") == ALL | {"detail": "abcdefghi"}
    assert sent(body, "ééééé") == ALL | {"detail": "éééé"}


@pytest.mark.parametrize("limit", [256 * 1024, 1024 * 1024])
@pytest.mark.parametrize("room", range(130))
def test_a_message_up_to_the_limit_is_dead_lettered_and_keeps_its_reason_as_long_as_that_fits(
    room: int, limit: int
) -> None:
    attributes = sent("x" * (limit - room), "no answer", limit=limit)
    assert ("reason" in attributes) == (room >= len("reason" + "String" + "gave-up"))
    assert all(ALL[name].startswith(value) for name, value in attributes.items())
    assert all(attributes[name] == ALL[name] for name in attributes if name != "detail")
