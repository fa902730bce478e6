"""The relay's dead-letter queue on Amazon SQS."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tidings.aws.sqs import printable
from tidings.core.ports import RefusedEvent
from tidings.messaging.relay import UNACCEPTABLE

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_BODY_BYTES = 192 * 1024
"""Maximum size of a dead letter's body. SQS accepts 256 KB with the attributes, and an item's outbox may hold more."""

MAX_ATTRIBUTE = 256
"""Maximum length of an attribute."""


class SqsRelayDeadLetterQueue:
    """A relay's dead-letter queue, by its URL. Lambda sends the batches that it gave up there too.

    Args:
        client: Returns the client. It is created when an event is first refused.
        url: The queue's URL.
    """

    def __init__(self, client: "Callable[[], SQSClient]", url: str) -> None:
        self._client = client
        self._url = url

    def dead_letter(self, letter: RefusedEvent) -> None:
        """Send an event's text, with the reason, the entity's key, and the event's id and type in attributes.

        Characters that SQS refuses are replaced, and long texts are cut off. The outbox keeps the event as it is.
        """
        texts = {
            "reason": letter.reason,
            "detail": letter.detail,
            "key": letter.key,
            "event": letter.event,
            "type": letter.type,
        }
        self._client().send_message(
            QueueUrl=self._url,
            MessageBody=_body(letter.body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": printable(text, MAX_ATTRIBUTE)}
                for name, text in texts.items()
                if text
            },
        )


def _body(text: str) -> str:
    """Return a text that SQS accepts. In JSON an escaped character means the same."""
    accepted = UNACCEPTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return accepted.encode()[:MAX_BODY_BYTES].decode(errors="ignore") or "-"
