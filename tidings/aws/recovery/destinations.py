"""The destinations of past messages: a consumer's queue of Amazon SQS, and the topic of Amazon SNS."""

import re
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidings.aws.recovery.refusals import reason_of
from tidings.aws.sns import OF_DEPLOYMENT, SnsTopic
from tidings.core.entity import OutboxEvent
from tidings.core.errors import described
from tidings.core.service import QueueKind
from tidings.recovery.ports import OutgoingMessage, SendFailure
from tidings.recovery.sender import MAX_SEND_ATTEMPTS, Sender

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, SendMessageBatchRequestEntryTypeDef

INVALID = re.compile(r"InvalidMessageContents|InvalidParameterValue|BatchRequestTooLong")
"""The errors of a whole call that one of its messages may cause (Amazon SQS API Reference, "SendMessageBatch")."""

ABOUT_QUEUE = re.compile(
    r"Kms|DoesNotExist|NonExistent|InvalidAddress|UnsupportedOperation|OverLimit|QueueUrl|queue type"
)
"""The words of an error that every message to this queue would cause, besides those of any deployment."""


@dataclass(frozen=True)
class QueueDestination:
    """A consumer's queue, by its URL. A message looks there as if the topic had delivered it."""

    client: "SQSClient"
    url: str
    kind: QueueKind

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:
        """Send a batch by one SendMessageBatch, and return the messages that were not accepted.

        If SQS refuses the batch as a whole because of one message, each message is sent by itself.
        """
        try:
            answer = self.client.send_message_batch(
                QueueUrl=self.url, Entries=[self._entry(n, message, attempt) for n, message in enumerate(batch)]
            )
        except (BotoCoreError, ClientError) as error:
            if not _is_invalid(error):
                return dict.fromkeys(batch, SendFailure(described(error)))
            if len(batch) == 1:
                return {batch[0]: SendFailure(described(error), permanent=True)}
            return {message: failure for each in batch for message, failure in self.send([each], attempt).items()}
        return {batch[int(failure["Id"])]: _failure(failure) for failure in answer.get("Failed", [])}

    def _entry(self, n: int, message: OutgoingMessage, attempt: str) -> "SendMessageBatchRequestEntryTypeDef":
        head = message.head
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(n), "MessageBody": message.body}
        if head.type:
            entry["MessageAttributes"] = {"type": {"DataType": "String", "StringValue": head.type}}
        if self.kind == "fifo":
            entry |= {"MessageGroupId": head.subject, "MessageDeduplicationId": f"{head.id}#{attempt}"}
        return entry


def queue_sender(
    client: "SQSClient",
    url: str,
    threads: Executor,
    *,
    rate: float | None = None,
    attempts: int = MAX_SEND_ATTEMPTS,
) -> Sender:
    """Return a sender to a consumer's queue, for one redrive.

    Args:
        client: The client.
        url: The queue's URL.
        threads: Sends batches in parallel.
        rate: Maximum number of messages a second; None for no limit.
        attempts: Number of attempts to send a message.
    """
    kind: QueueKind = "fifo" if url.endswith(".fifo") else "standard"
    return Sender(QueueDestination(client, url, kind), uuid.uuid4().hex[:12], threads, rate, attempts)


@dataclass(frozen=True)
class TopicDestination:
    """The topic, by its ARN. An event is published under its own id, so the topic drops what it published just now.

    Attributes:
        client: The client.
        arn: The topic's ARN.
    """

    client: "SNSClient"
    arn: str

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:  # noqa: ARG002 - ids stay
        """Publish a batch by one PublishBatch, and return the messages that were not accepted."""
        messages = {OutboxEvent(message.body): message for message in batch}
        try:
            unpublished = SnsTopic(self.client, self.arn).publish(list(messages))
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(batch, SendFailure(described(error)))
        return {messages[each.event]: SendFailure(each.code, permanent=each.refused) for each in unpublished}


def _is_invalid(error: BotoCoreError | ClientError) -> bool:
    """Return whether one message may be the cause of a whole call's error."""
    if not isinstance(error, ClientError):
        return False
    return bool(INVALID.search(error.response["Error"]["Code"])) and not ABOUT_QUEUE.search(str(error))


def _failure(failure: "BatchResultErrorEntryTypeDef") -> SendFailure:
    """Judge a message's failure. SQS calls faults of the deployment the sender's as well."""
    code, text = failure["Code"], failure.get("Message", "")
    of_deployment = OF_DEPLOYMENT.search(code) or ABOUT_QUEUE.search(f"{code} {text}")
    return SendFailure(reason_of(failure), permanent=failure["SenderFault"] and not of_deployment)
