"""The ports twice: in memory, and by the real adapters on boto3."""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from functions.history.client import HistoryClient
from functions.history.log import Log
from functions.notification.mail import Mailer, SesMailer
from tests.simulation.clock import SECOND
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.mailer import MemoryMailer
from tests.simulation.ports.queue import ConsumerQueue, FifoQueue, SimulatedQueue, StandardQueue
from tests.simulation.ports.stream import MemoryStream
from tests.simulation.ports.topic import FifoTopic
from tidings.aws.dynamodb import DynamoTable, stream_record
from tidings.aws.sns import SnsTopic
from tidings.aws.sqs import SqsQueue
from tidings.core.decisions import Numbers
from tidings.core.entity import OutboxEvent
from tidings.core.ports import Queue, StreamRecord, Table, Topic
from tidings.core.service import QueueKind
from tidings.core.strategy import SORT_KEY
from tidings.recovery import LoggedEvent, wait_until
from tidings.testing import InlineExecutor, MemoryTable, VirtualClock

MAX_RECEIVES = 2
VISIBILITY = 30
"""The queues' visibility timeout in seconds, longer than any test takes."""

Record = Mapping[str, Any]
"""A message as Lambda's SQS event contains it, with `messageAttributes` as texts."""


class FullQueue(Protocol):
    """A queue from all sides: for senders, for Lambda's poller, and for its consumer (`port`)."""

    @property
    def port(self) -> Queue: ...

    @property
    def kind(self) -> QueueKind: ...

    def send(self, body: str, group: str = "", deduplication: str = "") -> None: ...

    def receive(self, most: int = 10) -> list[Record]: ...

    def delete(self, record: Record) -> None: ...

    def dead_letters(self) -> list[Record]: ...


class Ports(Protocol):
    """A factory that creates each port anew, and reads behind it."""

    def table(self, *, rows: bool = False) -> Table:
        """Return a new table; with `rows`, one that has a sort key, as a projection's."""

    def numbers(self, table: Table, key: str, row: str = "") -> Numbers:
        """Return an item's numbers; none if it does not exist."""

    def expires(self, table: Table, key: str) -> int | None:
        """Return when an item expires, in seconds since 1970."""

    def records(self, table: Table) -> list[StreamRecord]:
        """Return the stream's records of the writes that announce events, oldest first."""

    def queue(self, kind: QueueKind) -> FullQueue: ...

    def topic(self, subscribers: Sequence[tuple[FullQueue, Collection[str] | None]]) -> Topic:
        """Return a topic that delivers events of these types to these queues; None means all types."""

    def log(self) -> Any: ...

    def recorded(self, log: Any, order: str) -> list[str]:
        """Return an order's recorded events as a replay sends them, in causal order."""

    def stored(self, log: Any) -> list[str]:
        """Return the texts of the items in the log's table."""

    def mailer(self) -> Mailer: ...

    def emails(self, mailer: Mailer, order: str) -> int:
        """Return the number of e-mails about an order that were sent."""

    def arrive(self, queue: FullQueue, count: int, seconds: int = 0) -> list[Record]:
        """Receive exactly this number of messages, within this number of seconds."""


# In memory


@dataclass
class MemoryQueue:
    """A queue of the simulation with its dead-letter queue."""

    queue: SimulatedQueue
    kind: QueueKind

    @property
    def port(self) -> Queue:
        return ConsumerQueue(self.queue)

    def send(self, body: str, group: str = "", deduplication: str = "") -> None:
        self.queue.send(body, group, deduplication)

    def receive(self, most: int = 10) -> list[Record]:
        return [message.record() for message in self.queue.receive(most)]

    def delete(self, record: Record) -> None:
        self.queue.delete(record["receiptHandle"])

    def dead_letters(self) -> list[Record]:
        assert self.queue.dlq
        return [
            message.record() | {"messageAttributes": message.attributes} for message in self.queue.dlq.receive(most=10)
        ]


class MemoryPorts:
    """The ports in memory, on one virtual clock."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self._streams: dict[int, MemoryStream] = {}

    def table(self, *, rows: bool = False) -> Table:  # noqa: ARG002 - a table in memory always has rows
        stream = MemoryStream()
        table = MemoryTable(stream)
        self._streams[id(table)] = stream
        return table

    def numbers(self, table: Table, key: str, row: str = "") -> Numbers:
        return cast(MemoryTable, table).numbers(key, row)

    def expires(self, table: Table, key: str) -> int | None:
        return cast(MemoryTable, table).expires.get((key, ""))

    def records(self, table: Table) -> list[StreamRecord]:
        return list(self._streams[id(table)].take(0, 100))

    def queue(self, kind: QueueKind) -> FullQueue:
        make = FifoQueue if kind == "fifo" else StandardQueue
        options: Any = {"visibility": VISIBILITY * SECOND, "max_receives": MAX_RECEIVES}
        return MemoryQueue(make(self._clock, dlq=make(self._clock), **options), kind)

    def topic(self, subscribers: Sequence[tuple[FullQueue, Collection[str] | None]]) -> Topic:
        topic = FifoTopic(self._clock)
        for queue, types in subscribers:
            topic.subscribe(cast(MemoryQueue, queue).queue, types)
        return topic

    def log(self) -> Any:
        return MemoryLog(self._clock)

    def recorded(self, log: Any, order: str) -> list[str]:
        return [logged.body for logged in log.read_entity(order)]

    def stored(self, log: Any) -> list[str]:
        return [str(item) for item in log.table.items.values()]

    def mailer(self) -> Mailer:
        return MemoryMailer()

    def emails(self, mailer: Mailer, order: str) -> int:
        sent = cast(MemoryMailer, mailer).sent
        return sum(count for (of, _), count in sent.items() if of == order)

    def arrive(self, queue: FullQueue, count: int, seconds: int = 0) -> list[Record]:
        self._clock.now += seconds * SECOND
        records = queue.receive()
        assert len(records) == count
        return records


# On boto3


@dataclass
class AwsQueue:
    """A queue of SQS with its dead-letter queue."""

    client: Any
    url: str
    dlq: str
    kind: QueueKind

    @property
    def port(self) -> Queue:
        return SqsQueue(lambda: self.client, self.url, self.dlq, self.kind)

    @property
    def arn(self) -> str:
        return _arn(self.client, self.url)

    def send(self, body: str, group: str = "", deduplication: str = "") -> None:
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": deduplication} if group else {}
        self.client.send_message(QueueUrl=self.url, MessageBody=body, **fifo)

    def receive(self, most: int = 10) -> list[Record]:
        return self._receive(self.url, most)

    def delete(self, record: Record) -> None:
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])

    def dead_letters(self) -> list[Record]:
        return self._receive(self.dlq, 10)

    def _receive(self, url: str, most: int) -> list[Record]:
        answer = self.client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {
                    name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()
                },
            }
            for message in answer.get("Messages", [])
        ]


class AwsPorts:
    """The real adapters, on new resources.

    `client` creates a boto3 client. `emails_about` returns the number of e-mails about an order that were sent.
    """

    SENDER = "orders@tidings.example"

    def __init__(self, client: Callable[[str], Any], emails_about: Callable[[str], int]) -> None:
        self._make = client
        self._emails_about = emails_about
        self._dynamodb = client("dynamodb")
        self._names: dict[int, str] = {}

    def table(self, *, rows: bool = False) -> Table:
        name = self._create_table(stream=True, sort=SORT_KEY if rows else None)
        table = DynamoTable(self._dynamodb, name, SORT_KEY if rows else None)
        self._names[id(table)] = name
        return table

    def numbers(self, table: Table, key: str, row: str = "") -> Numbers:
        return cast(DynamoTable, table).numbers(key, row)

    def expires(self, table: Table, key: str) -> int | None:
        name = self._names[id(table)]
        item = self._dynamodb.get_item(TableName=name, Key={"pk": {"S": key}}, ConsistentRead=True).get("Item", {})
        return int(item["expires"]["N"]) if "expires" in item else None

    def records(self, table: Table) -> list[StreamRecord]:
        streams = self._make("dynamodbstreams")
        arn = self._dynamodb.describe_table(TableName=self._names[id(table)])["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        first = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=first["ShardIterator"])["Records"]
        # The filter is that of Lambda's mapping. The stream's own API has none.
        announcing = (each for each in records if each["dynamodb"]["NewImage"].get("announces") == {"BOOL": True})
        return [stream_record(record) for record in announcing]

    def queue(self, kind: QueueKind) -> FullQueue:
        client = self._make("sqs")
        suffix = ".fifo" if kind == "fifo" else ""
        attributes: dict[str, str] = {}
        if kind == "fifo":
            attributes = {
                "FifoQueue": "true",
                "DeduplicationScope": "messageGroup",
                "FifoThroughputLimit": "perMessageGroupId",
            }
        dlq = client.create_queue(QueueName=f"{_new('dlq')}{suffix}", Attributes=attributes)["QueueUrl"]
        redrive = {"deadLetterTargetArn": _arn(client, dlq), "maxReceiveCount": MAX_RECEIVES}
        own = {"VisibilityTimeout": str(VISIBILITY), "RedrivePolicy": json.dumps(redrive)}
        url = client.create_queue(QueueName=f"{_new('queue')}{suffix}", Attributes=attributes | own)["QueueUrl"]
        return AwsQueue(client, url, dlq, kind)

    def topic(self, subscribers: Sequence[tuple[FullQueue, Collection[str] | None]]) -> Topic:
        client = self._make("sns")
        arn = client.create_topic(
            Name=f"{_new('topic')}.fifo",
            Attributes={
                "FifoTopic": "true",
                "ContentBasedDeduplication": "false",
                "FifoThroughputScope": "MessageGroup",
            },
        )["TopicArn"]
        for queue, types in subscribers:
            target = cast(AwsQueue, queue)
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": target.arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            target.client.set_queue_attributes(QueueUrl=target.url, Attributes={"Policy": policy})
            attributes = {"RawMessageDelivery": "true"}
            if types is not None:
                attributes["FilterPolicy"] = json.dumps({"type": sorted(types)})
            client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target.arn, Attributes=attributes)
        return SnsTopic(client, arn)

    def log(self) -> Any:
        return Log(self._dynamodb, self._create_table(sort="id"))

    def recorded(self, log: Any, order: str) -> list[str]:
        found = HistoryClient(self._dynamodb, log._table, "", "", InlineExecutor()).read_entity(order)
        return [logged.body for logged in found if isinstance(logged, LoggedEvent)]

    def stored(self, log: Any) -> list[str]:
        return [str(item) for item in self._dynamodb.scan(TableName=log._table)["Items"]]

    def mailer(self) -> Mailer:
        client = self._make("ses")
        client.verify_email_identity(EmailAddress=self.SENDER)
        configuration_set = _new("set")
        client.create_configuration_set(ConfigurationSet={"Name": configuration_set})
        return SesMailer(client, self.SENDER, configuration_set)

    def emails(self, mailer: Mailer, order: str) -> int:  # noqa: ARG002 - the real mailer keeps none
        return self._emails_about(order)

    def arrive(self, queue: FullQueue, count: int, seconds: int = 0) -> list[Record]:
        found: list[Record] = []

        def there() -> bool:
            found.extend(queue.receive())
            return len(found) >= count

        wait_until(there, seconds + 10, f"{count} messages")
        assert len(found) == count
        return found

    def _create_table(self, *, sort: str | None = None, stream: bool = False) -> str:
        name = _new("table")
        keys = [("pk", "HASH"), *([(sort, "RANGE")] if sort else [])]
        options: Any = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
        self._dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
            BillingMode="PAY_PER_REQUEST",
            **(options if stream else {}),
        )
        return name


def outbox_event(order: str, number: int, type_: str = "OrderPlaced") -> OutboxEvent:
    """Return an event to publish."""
    return OutboxEvent(
        json.dumps({"id": f"orders/{order}/{number}", "type": type_, "subject": order, "source": "orders"})
    )


def _arn(client: Any, url: str) -> str:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _new(kind: str) -> str:
    return f"ports-{kind}-{uuid.uuid4().hex[:12]}"
