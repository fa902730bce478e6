"""The operators' ports on AWS: queues of failures, and where messages are sent to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.failure import Failure
from ops.letters import Letter
from ops.quiet import LOCALLY, Held, Quiet
from ops.redriving import BATCH
from ops.sending import Sending
from tidings.aws import SnsTopic
from tidings.errors import PermanentError
from tidings.relay import Entry
from tidings.service import QueueKind

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

HOLD_SECONDS = 60
"""For how long a letter that was received stays hidden, where nobody gives it back."""


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turns what AWS refuses into a Failure that says `what` could not be done."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"{what}: {error}") from error


@dataclass(frozen=True)
class SqsLetters:
    """A queue of failures in SQS, by its URL.

    `hold` and `wait` are in seconds: how long a letter is hidden, and how long a call waits for one. A call that does
    not wait asks some of a queue's servers only (Amazon SQS Developer Guide, "Short and long polling").
    """

    client: "SQSClient"
    url: str
    hold: int = HOLD_SECONDS
    wait: int = 0

    def receive(self) -> Sequence[Letter]:
        """ReceiveMessage."""
        with telling(f"{self._name} cannot be read"):
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self.hold,
                WaitTimeSeconds=self.wait,
                MessageSystemAttributeNames=["SentTimestamp", "MessageGroupId"],
                MessageAttributeNames=["All"],
            )
        return [_letter(message) for message in answer.get("Messages", [])]

    def delete(self, letters: Sequence[Letter]) -> None:
        """DeleteMessageBatch, ten letters a call."""
        stay: list[str] = []
        for start in range(0, len(letters), BATCH):
            ten = letters[start : start + BATCH]
            with telling(f"{self._name} lets nothing be deleted"):
                answer = self.client.delete_message_batch(
                    QueueUrl=self.url,
                    Entries=[{"Id": str(n), "ReceiptHandle": letter.receipt} for n, letter in enumerate(ten)],
                )
            stay += [f"{failure['Code']} {failure.get('Message', '')}".strip() for failure in answer.get("Failed", [])]
        if stay:
            raise Failure(
                f"{len(stay)} messages were dealt with and could not be deleted from {self._name} ({stay[0]}); "
                "run it again: a consumer ignores what it has handled"
            )

    def release(self, letters: Sequence[Letter]) -> None:
        """ChangeMessageVisibilityBatch to nothing, ten letters a call."""
        for start in range(0, len(letters), BATCH):
            # What is not given back comes back by itself.
            with suppress(BotoCoreError, ClientError):
                self.client.change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": str(n), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                        for n, letter in enumerate(letters[start : start + BATCH])
                    ],
                )

    def held(self) -> Held:
        """GetQueueAttributes."""
        with telling(f"{self._name} cannot be read"):
            return Quiet(self.client, LOCALLY).held(self.url)

    @property
    def _name(self) -> str:
        return self.url.rpartition("/")[2]


def _letter(message: "MessageTypeDef") -> Letter:
    own = message.get("Attributes", {})
    return Letter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        sent=int(own["SentTimestamp"]),
        group=own.get("MessageGroupId"),
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
    )


@dataclass(frozen=True)
class QueueOutlet:
    """A consumer's queue, by its URL: a message looks there as the topic would have delivered it."""

    client: "SQSClient"
    url: str
    kind: QueueKind

    def send(self, batch: Sequence[Sending]) -> Mapping[Entry, str]:
        """SendMessageBatch."""
        try:
            answer = self.client.send_message_batch(
                QueueUrl=self.url, Entries=[self._request(n, sending) for n, sending in enumerate(batch)]
            )
        except (BotoCoreError, ClientError) as error:
            return {sending.entry: str(error) for sending in batch}
        return {
            batch[int(failure["Id"])].entry: f"{failure['Code']} {failure.get('Message', '')}".strip()
            for failure in answer.get("Failed", [])
        }

    def _request(self, n: int, sending: Sending) -> "SendMessageBatchRequestEntryTypeDef":
        head = sending.entry.head
        request: SendMessageBatchRequestEntryTypeDef = {"Id": str(n), "MessageBody": sending.entry.body}
        if head.type:
            request["MessageAttributes"] = {"type": {"DataType": "String", "StringValue": head.type}}
        if self.kind == "fifo":
            request |= {"MessageGroupId": head.subject, "MessageDeduplicationId": sending.deduplication}
        return request


@dataclass(frozen=True)
class TopicOutlet:
    """The topic, by its ARN. An event goes there under its own id: what was published just now is swallowed.

    `refused` are the ids of those that the topic will never take, each with the reason: no other waits for them.
    """

    client: "SNSClient"
    arn: str
    refused: dict[str, str] = field(default_factory=dict)

    def send(self, batch: Sequence[Sending]) -> Mapping[Entry, str]:
        """PublishBatch."""
        entries = [sending.entry for sending in batch]
        try:
            refused = SnsTopic(self.client, self.arn).publish(entries)
        except PermanentError as error:
            if len(batch) > 1:
                # It may be for one event's sake.
                return {entry: why for alone in batch for entry, why in self.send([alone]).items()}
            self.refused[entries[0].head.id] = str(error)
            return {}
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(entries, str(error))
        return dict.fromkeys(refused, "the topic refused it")
