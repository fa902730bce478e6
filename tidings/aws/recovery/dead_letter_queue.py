"""A dead-letter queue of Amazon SQS."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidings.aws.recovery.queue_gauge import SqsQueueGauge
from tidings.aws.recovery.refusals import reason_of, reporting
from tidings.recovery.errors import RecoveryError, messages_were
from tidings.recovery.ports import DeadLetterMessage, QueueDepth

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MAX_BATCH = 10
"""Maximum number of messages in one request (Amazon SQS API Reference, "ReceiveMessage")."""

HIDDEN_SECONDS = 60
"""Time that a received message stays hidden if it is not released."""

READ_HIDDEN_SECONDS = 15
"""The same time where messages are only read: another reader of the queue waits no longer for one that ended."""


@dataclass(frozen=True)
class SqsDeadLetterQueue:
    """A dead-letter queue, by its URL.

    Attributes:
        client: The client.
        url: The queue's URL.
        hidden: Number of seconds that a received message stays hidden.
        wait: Maximum number of seconds that a request waits for messages. A request that does not wait asks only some
            of the queue's servers (Amazon SQS Developer Guide, "Short and long polling").
    """

    client: "SQSClient"
    url: str
    hidden: int = HIDDEN_SECONDS
    wait: int = 0

    def receive(self) -> Sequence[DeadLetterMessage]:
        """Return at most ten messages by one ReceiveMessage."""
        with reporting(f"{self._gauge.name} cannot be read"):
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=MAX_BATCH,
                VisibilityTimeout=self.hidden,
                WaitTimeSeconds=self.wait,
                MessageSystemAttributeNames=["SentTimestamp", "MessageGroupId"],
                MessageAttributeNames=["All"],
            )
        return [_decode(message) for message in answer.get("Messages", [])]

    def delete(self, messages: Sequence[DeadLetterMessage]) -> None:
        """Delete received messages, ten by one DeleteMessageBatch.

        Raises:
            RecoveryError: If a message was not deleted.
        """
        remaining: list[str] = []
        for start in range(0, len(messages), MAX_BATCH):
            chunk = messages[start : start + MAX_BATCH]
            with reporting(f"messages of {self._gauge.name} cannot be deleted"):
                answer = self.client.delete_message_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": str(n), "ReceiptHandle": message.receipt_handle} for n, message in enumerate(chunk)
                    ],
                )
            remaining += [reason_of(failure) for failure in answer.get("Failed", [])]
        if remaining:
            raise RecoveryError(
                f"{messages_were(len(remaining))} sent or recorded, but not deleted from {self._gauge.name} "
                f"({remaining[0]}); repeat what was begun: a consumer ignores duplicates"
            )

    def release(self, messages: Sequence[DeadLetterMessage]) -> None:
        """Make received messages visible again, ten by one ChangeMessageVisibilityBatch."""
        for start in range(0, len(messages), MAX_BATCH):
            # A message that is not released becomes visible by itself.
            with suppress(BotoCoreError, ClientError):
                self.client.change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": str(n), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": 0}
                        for n, message in enumerate(messages[start : start + MAX_BATCH])
                    ],
                )

    def depth(self) -> QueueDepth:
        """Return the approximate number of messages."""
        return self._gauge.depth()

    @property
    def _gauge(self) -> SqsQueueGauge:
        return SqsQueueGauge(self.client, self.url)


def _decode(message: "MessageTypeDef") -> DeadLetterMessage:
    system = message.get("Attributes", {})
    return DeadLetterMessage(
        id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent=int(system["SentTimestamp"]),
        group=system.get("MessageGroupId"),
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
    )
