"""The ports on AWS: queue and topic, and the functions that Lambda calls, put together from their environment."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tidings import clock
from tidings.consumer import Consumer, DeadLetter, Parse, Prepare, React, contracted, thin, unprepared
from tidings.errors import PermanentError
from tidings.log import logger
from tidings.metrics import Metrics
from tidings.reactor import Perform, Reactor, no_effects
from tidings.relay import Entry, Relay
from tidings.service import QueueKind, Service
from tidings.table import DynamoTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

# What is loaded by now stays. Were the collector to look through it again and again while a client reads its model,
# which is thousands of objects, that would take as long as the reading itself.
gc.freeze()

S = TypeVar("S")
Handler = Callable[[Mapping[str, Any], "LambdaContext"], dict[str, Any]]

WORKERS = 10
"""Threads of a function, and connections of each client: a batch's messages are handled at once."""

CONFIG = Config(
    max_pool_connections=WORKERS,
    # The type checker knows what a request must be, and AWS refuses what it must not be: a tenth of a call's processor
    # time. Another fifth goes into putting the default one of these together, for every call anew.
    parameter_validation=False,
    user_agent=f"tidings boto3/{boto3.__version__}",
    connect_timeout=1,
    read_timeout=5,
    retries={"mode": "standard", "max_attempts": 3},
)


@cache
def dynamodb() -> "DynamoDBClient":
    """The function's one DynamoDB client."""
    return boto3.client("dynamodb", config=CONFIG)


class SqsQueue:
    """A queue of SQS with its dead-letter queue, by their URLs. Its client is made when something first fails."""

    def __init__(self, client: "Callable[[], SQSClient]", queue: str, dlq: str, kind: QueueKind) -> None:
        self._client = client
        self._queue = queue
        self._dlq = dlq
        self._kind = kind

    def postpone(self, delays: Mapping[str, int]) -> None:
        """ChangeMessageVisibilityBatch, ten messages a call."""
        for ten in _tens(list(delays.items())):
            self._client().change_message_visibility_batch(
                QueueUrl=self._queue,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                    for n, (receipt, seconds) in enumerate(ten)
                ],
            )

    def bury(self, letter: DeadLetter) -> None:
        """SendMessage, with the reason as attributes.

        On a FIFO queue the deduplication id is the message's own, which is new with every redrive: the event's id
        would be swallowed when it fails again within five minutes.
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


class SnsTopic:
    """A FIFO topic of SNS, by its ARN: the group is the order, the deduplication id the event's own."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """One PublishBatch."""
        try:
            answer = self._client.publish_batch(
                TopicArn=self._arn,
                PublishBatchRequestEntries=[
                    {
                        "Id": str(n),
                        "Message": entry.body,
                        "MessageGroupId": entry.head.subject,
                        "MessageDeduplicationId": entry.head.id,
                        "MessageAttributes": {"type": {"DataType": "String", "StringValue": entry.head.type}},
                    }
                    for n, entry in enumerate(entries)
                ],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidParameter":
                raise PermanentError("refused", str(error)) from error
            raise
        failed = {int(failure["Id"]): failure for failure in answer.get("Failed", [])}
        for n, failure in failed.items():
            why = {"code": failure["Code"], "detail": failure.get("Message", "")}
            logger.error("the topic refused an event", extra={"event_id": entries[n].head.id, **why})
        return [entries[n] for n in failed]


def table() -> DynamoTable:
    """The table that the function's environment names."""
    return DynamoTable(dynamodb(), os.environ["TABLE"])


def metrics() -> Metrics:
    """The metrics of the function's own stage and service."""
    return Metrics(os.environ["STAGE"], os.environ["SERVICE"])


def reactor(service: Service[S], perform: Perform = no_effects) -> Reactor[S]:
    """A service's reactions over the table that the function's environment names."""
    return Reactor(service, table(), perform)


def consume(service: Service[S], perform: Perform = no_effects, parse: Parse | None = None) -> Handler:
    """The Lambda handler of a service's queue. `parse` reads its messages, where they are more than the topic's."""
    reactions = reactor(service, perform)
    read = thin if service.thin else contracted
    return consumer(service, parse or read(service.reactions), lambda order: reactions.order(order).react)


def consumer(
    service: Service[S], parse: Parse, open_order: Callable[[str], React], prepare: Prepare = unprepared
) -> Handler:
    """The Lambda handler of a queue whose events are handled in another way than by decisions."""
    sqs: Callable[[], SQSClient] = cache(lambda: boto3.client("sqs", config=CONFIG))
    queue = Consumer(
        queue=SqsQueue(sqs, os.environ["QUEUE"], os.environ["DLQ"], service.queue),
        kind=service.queue,
        parse=parse,
        open_order=open_order,
        executor=ThreadPoolExecutor(WORKERS),
        max_receives=int(os.environ["MAX_RECEIVES"]),
        backoff=float(os.environ["BACKOFF_SECONDS"]),
        prepare=prepare,
    )

    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        deadline = clock.now() + context.get_remaining_time_in_millis()
        return queue.handle(event["Records"], deadline)

    return handler


def relay() -> Handler:
    """The Lambda handler of a table's stream."""
    topic = SnsTopic(boto3.client("sns", config=CONFIG), os.environ["TOPIC"])
    publisher = Relay(topic, ThreadPoolExecutor(WORKERS), metrics().emit)

    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
        return publisher.handle(event["Records"])

    return handler


def _tens(items: Sequence[tuple[str, int]]) -> Iterator[Sequence[tuple[str, int]]]:
    rest = iter(items)
    while ten := list(islice(rest, 10)):
        yield ten


def _printable(text: str) -> str:
    """SQS takes XML's characters only (Amazon SQS API Reference, "SendMessage")."""
    return "".join(c if c.isprintable() else " " for c in text)
