"""The queue port on Amazon SQS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from tidings.core.ports import DeadLetter
from tidings.core.service import QueueKind

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, SendMessageRequestTypeDef

MAX_ENTRIES = 10
"""Maximum number of messages in one request (Amazon SQS API Reference, "ChangeMessageVisibilityBatch")."""

MAX_TEXT = 512
"""Maximum length of an attribute's text."""

MAX_MESSAGE_BYTES = (256 * 1024, 1024 * 1024)
"""The limits of a message's size with its attributes: a queue has one or the other (Amazon SQS Developer Guide,
"Amazon SQS message quotas")."""


class SqsQueue:
    """A queue of SQS with its dead-letter queue, by their URLs.

    Args:
        client: Returns the client. It is created when a message first fails.
        queue: The queue's URL.
        dlq: The dead-letter queue's URL.
        kind: The kind of both.
    """

    def __init__(self, client: "Callable[[], SQSClient]", queue: str, dlq: str, kind: QueueKind) -> None:
        self._client = client
        self._queue = queue
        self._dlq = dlq
        self._kind = kind

    def retry_later(self, delays: Mapping[str, int]) -> None:
        """Hide each message, by `receipt_handle`, for this number of seconds from now."""
        for some in _chunks(list(delays.items())):
            self._client().change_message_visibility_batch(
                QueueUrl=self._queue,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for n, (handle, seconds) in enumerate(some)
                ],
            )

    def dead_letter(self, letter: DeadLetter) -> None:
        """Send a message to the dead-letter queue, with the reason in its attributes.

        Characters that SQS refuses are replaced, and long texts are cut off. Beside a large body, attributes are left
        out rather than the message lost.

        On a FIFO queue the deduplication id is the message's own, which is new after each redrive. SQS would drop a
        repeated id, such as the event's, if the message fails again within five minutes.
        """
        message = letter.message
        request: SendMessageRequestTypeDef = {
            "QueueUrl": self._dlq,
            "MessageBody": message.body,
            "MessageAttributes": _attributes(letter),
        }
        if self._kind == "fifo":
            request |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
        self._client().send_message(**request)


def _chunks(items: Sequence[tuple[str, int]]) -> Iterator[Sequence[tuple[str, int]]]:
    rest = iter(items)
    while chunk := list(islice(rest, MAX_ENTRIES)):
        yield chunk


def _attributes(letter: DeadLetter) -> "dict[str, MessageAttributeValueTypeDef]":
    """Return the attributes that fit beside the body. The detail comes last, and is shortened to what is left."""
    message = letter.message
    size = len(message.body.encode(errors="surrogatepass"))
    room = next((limit for limit in MAX_MESSAGE_BYTES if size <= limit), size) - size
    attributes: dict[str, MessageAttributeValueTypeDef] = {}
    for name, kind, value in (
        ("reason", "String", printable(letter.reason)),
        ("receives", "Number", str(message.receives)),
        ("first_seen", "Number", str(message.sent)),
        ("type", "String", printable(letter.type or "-")),
        ("detail", "String", printable(letter.detail or "-")),
    ):
        left = max(0, room - len(name) - len(kind))
        encoded = value.encode()
        if name == "detail":
            encoded = encoded[:left].decode(errors="ignore").encode()
        if encoded and len(encoded) <= left:
            attributes[name] = {"DataType": kind, "StringValue": encoded.decode()}
            room = left - len(encoded)
    return attributes


def printable(text: str, most: int = MAX_TEXT) -> str:
    """Replace the characters that SQS refuses (Amazon SQS API Reference, "SendMessage"), and cut off a long text."""
    return "".join(c if c.isprintable() else " " for c in text[:most])
