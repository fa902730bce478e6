"""The queue port on Amazon SQS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from tidings.core.ports import DeadLetter
from tidings.core.service import QueueKind

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

MAX_ENTRIES = 10
"""Maximum number of messages in one request (Amazon SQS API Reference, "ChangeMessageVisibilityBatch")."""


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

        On a FIFO queue the deduplication id is the message's own, which is new after each redrive. SQS would drop a
        repeated id, such as the event's, if the message fails again within five minutes.
        """
        message = letter.message
        texts = {"reason": letter.reason, "detail": letter.detail or "-", "type": letter.type or "-"}
        numbers = {"attempts": message.attempts, "first_seen": message.sent}
        request: SendMessageRequestTypeDef = {
            "QueueUrl": self._dlq,
            "MessageBody": message.body,
            "MessageAttributes": {
                **{name: {"DataType": "String", "StringValue": _printable(text)} for name, text in texts.items()},
                **{name: {"DataType": "Number", "StringValue": str(n)} for name, n in numbers.items()},
            },
        }
        if self._kind == "fifo":
            request |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
        self._client().send_message(**request)


def _chunks(items: Sequence[tuple[str, int]]) -> Iterator[Sequence[tuple[str, int]]]:
    rest = iter(items)
    while chunk := list(islice(rest, MAX_ENTRIES)):
        yield chunk


def _printable(text: str) -> str:
    """Replace the characters that SQS refuses (Amazon SQS API Reference, "SendMessage")."""
    return "".join(c if c.isprintable() else " " for c in text)
