"""All that the runtime stands on outside, twice: in the simulation's memory, and by the real classes on boto3."""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from functions.fraud.investigation import Memory
from functions.fraud.windows import Windows
from functions.history.log import Log
from functions.inventory.stock import Stock
from functions.notification.mail import Mailer, SesMailer
from ops.waiting import wait_until
from tests.simulation.clock import SECOND, VirtualClock
from tests.simulation.ports import queue as simulated
from tests.simulation.ports.ledger import MemoryLedger
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.mail import MemoryMailer
from tests.simulation.ports.memory import MemoryWindows
from tests.simulation.ports.stream import MemoryStream
from tests.simulation.ports.table import MemoryStock, MemoryTable
from tests.simulation.ports.topic import MemoryTopic
from tidings.aws import SnsTopic, SqsQueue
from tidings.consumer import Queue as ConsumersQueue
from tidings.ledger import DynamoLedger, Ledger
from tidings.relay import Entry, Head, Topic
from tidings.service import QueueKind
from tidings.table import DynamoTable, Table

MAX_RECEIVES = 2
VISIBILITY = 30
"""Seconds that a message stays away once it is received: longer than any test takes."""

Record = Mapping[str, Any]
"""A message as Lambda's SQS event has it; `messageAttributes` are texts."""


class Queue(Protocol):
    """A queue from all its sides: who sends, Lambda's poller, the consumer (`port`)."""

    @property
    def port(self) -> ConsumersQueue: ...

    @property
    def kind(self) -> QueueKind: ...

    def send(self, body: str, group: str = "", deduplication: str = "") -> None: ...

    def receive(self, most: int = 10) -> list[Record]: ...

    def delete(self, record: Record) -> None: ...

    def dead_letters(self) -> list[Record]: ...


class Ports(Protocol):
    """Makes each port anew, with what a test needs to see of it behind its back."""

    def table(self) -> Table: ...

    def records(self, table: Table) -> list[Record]:
        """The stream's records of the writes that announce something, oldest first."""

    def stock(self, table: Table) -> Any:
        """Inventory's stock, in this table."""

    def ledger(self) -> Ledger: ...

    def number(self, ledger: Ledger, partition: str, row: str, name: str) -> int | None:
        """A counter; None where there is none."""

    def queue(self, kind: QueueKind) -> Queue: ...

    def topic(self, subscribers: Sequence[tuple[Queue, Collection[str] | None]]) -> Topic:
        """A topic whose events of these types go to these queues; None stands for all types."""

    def windows(self) -> Memory: ...

    def log(self) -> Any: ...

    def recorded(self, log: Any, order: str) -> int:
        """How many events of an order the log has."""

    def mailer(self) -> Mailer: ...

    def mails(self, mailer: Mailer, order: str) -> int:
        """How many e-mails about an order went out."""

    def arrive(self, queue: Queue, many: int, seconds: int = 0) -> list[Record]:
        """So many messages, which must come within so many seconds, however few come at once."""


# In memory


@dataclass
class MemoryQueue:
    """One of the simulation's queues, and its dead-letter queue."""

    queue: simulated.MemoryQueue
    kind: QueueKind

    @property
    def port(self) -> ConsumersQueue:
        return simulated.ConsumersQueue(self.queue)

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
    """The simulation's ports, and its clock."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self._streams: dict[int, MemoryStream] = {}

    def table(self) -> Table:
        stream = MemoryStream()
        table = MemoryTable(stream)
        self._streams[id(table)] = stream
        return table

    def records(self, table: Table) -> list[Record]:
        return list(self._streams[id(table)].take(0, 100))

    def stock(self, table: Table) -> Any:
        return MemoryStock(cast(MemoryTable, table))

    def ledger(self) -> Ledger:
        return MemoryLedger()

    def number(self, ledger: Ledger, partition: str, row: str, name: str) -> int | None:
        return cast(MemoryLedger, ledger).numbers.get((partition, row, name))

    def queue(self, kind: QueueKind) -> Queue:
        make = simulated.FifoQueue if kind == "fifo" else simulated.StandardQueue
        options: Any = {"visibility": VISIBILITY * SECOND, "max_receives": MAX_RECEIVES}
        return MemoryQueue(make(self._clock, dlq=make(self._clock), **options), kind)

    def topic(self, subscribers: Sequence[tuple[Queue, Collection[str] | None]]) -> Topic:
        topic = MemoryTopic(self._clock)
        for queue, types in subscribers:
            topic.subscribe(cast(MemoryQueue, queue).queue, types)
        return topic

    def windows(self) -> Memory:
        return MemoryWindows()

    def log(self) -> Any:
        return MemoryLog()

    def recorded(self, log: Any, order: str) -> int:
        return sum(order in event for event in log.events)

    def mailer(self) -> Mailer:
        return MemoryMailer()

    def mails(self, mailer: Mailer, order: str) -> int:
        sent = cast(MemoryMailer, mailer).sent
        return sum(count for (of, _), count in sent.items() if of == order)

    def arrive(self, queue: Queue, many: int, seconds: int = 0) -> list[Record]:
        self._clock.now += seconds * SECOND
        records = queue.receive()
        assert len(records) == many
        return records


# On boto3


@dataclass
class AwsQueue:
    """A queue of SQS, and its dead-letter queue."""

    client: Any
    url: str
    dlq: str
    kind: QueueKind

    @property
    def port(self) -> ConsumersQueue:
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
    """The project's own classes over the clients that `client` makes, on resources of their own.

    `mails_about` counts the e-mails about an order that went out.
    """

    SENDER = "orders@tidings.example"

    def __init__(self, client: Callable[[str], Any], mails_about: Callable[[str], int]) -> None:
        self._make = client
        self._mails_about = mails_about
        self._dynamodb = client("dynamodb")
        self._names: dict[int, str] = {}

    def table(self) -> Table:
        name = self._create_table(stream=True)
        table = DynamoTable(self._dynamodb, name)
        self._names[id(table)] = name
        return table

    def records(self, table: Table) -> list[Record]:
        streams = self._make("dynamodbstreams")
        arn = self._dynamodb.describe_table(TableName=self._names[id(table)])["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        first = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=first["ShardIterator"])["Records"]
        # Lambda's mapping has this filter; there is none in the stream's own API.
        return [record for record in records if record["dynamodb"]["NewImage"].get("announces") == {"BOOL": True}]

    def stock(self, table: Table) -> Any:
        return Stock(self._dynamodb, self._names[id(table)])

    def ledger(self) -> Ledger:
        name = self._create_table(sort="sk")
        ledger = DynamoLedger(self._dynamodb, name)
        self._names[id(ledger)] = name
        return ledger

    def number(self, ledger: Ledger, partition: str, row: str, name: str) -> int | None:
        key = {"pk": {"S": partition}, "sk": {"S": row}}
        item = self._dynamodb.get_item(TableName=self._names[id(ledger)], Key=key).get("Item", {})
        return int(item[name]["N"]) if name in item else None

    def queue(self, kind: QueueKind) -> Queue:
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

    def topic(self, subscribers: Sequence[tuple[Queue, Collection[str] | None]]) -> Topic:
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

    def windows(self) -> Memory:
        return Windows(self._dynamodb, self._create_table())

    def log(self) -> Any:
        return Log(self._dynamodb, self._create_table(sort="id"))

    def recorded(self, log: Any, order: str) -> int:
        return len(list(log.events(order)))

    def mailer(self) -> Mailer:
        client = self._make("ses")
        client.verify_email_identity(EmailAddress=self.SENDER)
        configuration_set = _new("set")
        client.create_configuration_set(ConfigurationSet={"Name": configuration_set})
        return SesMailer(client, self.SENDER, configuration_set)

    def mails(self, mailer: Mailer, order: str) -> int:  # noqa: ARG002 - it keeps none
        return self._mails_about(order)

    def arrive(self, queue: Queue, many: int, seconds: int = 0) -> list[Record]:
        found: list[Record] = []

        def there() -> bool:
            found.extend(queue.receive())
            return len(found) >= many

        wait_until(there, seconds + 10, f"{many} messages")
        assert len(found) == many
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


def entry(order: str, number: int, type_: str = "OrderPlaced") -> Entry:
    """An event to publish."""
    event = {"id": f"orders/{order}/{number}", "type": type_, "subject": order}
    return Entry(Head(**event), json.dumps(event))


def _arn(client: Any, url: str) -> str:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _new(kind: str) -> str:
    return f"ports-{kind}-{uuid.uuid4().hex[:12]}"
