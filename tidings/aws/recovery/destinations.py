"""The destinations of past messages: a consumer's queue of Amazon SQS, and the topic of Amazon SNS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidings.aws.recovery.refusals import reason_of
from tidings.aws.sns import SnsTopic
from tidings.core.entity import OutboxEvent
from tidings.core.errors import PermanentError
from tidings.core.service import QueueKind
from tidings.recovery.ports import OutgoingMessage

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


@dataclass(frozen=True)
class QueueDestination:
    """A consumer's queue, by its URL. A message looks there as if the topic had delivered it."""

    client: "SQSClient"
    url: str
    kind: QueueKind

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, str]:
        """Send a batch by one SendMessageBatch, and return the messages that were refused, each with the reason."""
        try:
            answer = self.client.send_message_batch(
                QueueUrl=self.url, Entries=[self._entry(n, message, attempt) for n, message in enumerate(batch)]
            )
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(batch, str(error))
        return {batch[int(failure["Id"])]: reason_of(failure) for failure in answer.get("Failed", [])}

    def _entry(self, n: int, message: OutgoingMessage, attempt: str) -> "SendMessageBatchRequestEntryTypeDef":
        head = message.head
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(n), "MessageBody": message.body}
        if head.type:
            entry["MessageAttributes"] = {"type": {"DataType": "String", "StringValue": head.type}}
        if self.kind == "fifo":
            entry |= {"MessageGroupId": head.subject, "MessageDeduplicationId": f"{head.id}#{attempt}"}
        return entry


@dataclass(frozen=True)
class TopicDestination:
    """The topic, by its ARN. An event is published under its own id, so the topic drops what it published just now.

    Attributes:
        client: The client.
        arn: The topic's ARN.
        refused: The ids of the events that the topic will never accept, each with the reason.
    """

    client: "SNSClient"
    arn: str
    refused: dict[str, str] = field(default_factory=dict)

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, str]:
        """Publish a batch by one PublishBatch, and return the messages that failed, each with the reason.

        An event that the topic will never accept is noted in `refused`, so that no other waits for it.
        """
        messages = {OutboxEvent(message.body): message for message in batch}
        try:
            failed = SnsTopic(self.client, self.arn).publish(list(messages))
        except PermanentError as error:
            if len(batch) > 1:
                # One event may be the cause.
                return {message: reason for single in batch for message, reason in self.send([single], attempt).items()}
            self.refused[batch[0].head.id] = str(error)
            return {}
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(batch, str(error))
        return {messages[event]: "the topic refused it" for event in failed}
