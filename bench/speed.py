"""The speed of warm functions: batches, the library's overhead for an event, and the relay."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import BytesIO, StringIO
from itertools import islice
from typing import Any
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from bench.figures import Figure, Limit, Paired, Table, paired, processor_time, wall_time
from bench.first_event import Context
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.goods import OrderLine, Units
from contracts.values.money import Money
from contracts.values.recipient import Recipient
from functions.orders.handlers import Order
from functions.orders.service import service
from tests.integration.cloud import CREDENTIALS
from tidings.aws import clients, lambdas
from tidings.aws.dynamodb import Attributes, to_attributes
from tidings.core.contract import Announcement, Contract
from tidings.core.entity import Entity, MessageMetadata, advance
from tidings.testing import TRACEPARENT, make_record

KEYS = ("batch.concurrency", "batch.ordered", "overhead.event", "relay.throughput")
PAIRS = 9
AWS_DELAY = 0.02
SNS_DELAY = 0.01
MESSAGES = 10
EVENTS, ORDERS = 1000, 300
ONE_BY_ONE = 100
ROUNDS = 20
SAME_SETTINGS = "the same, both clients with our settings"
TABLE = "orders"
FUNCTION = {
    **CREDENTIALS,
    "TABLE": TABLE,
    "TOPIC": "arn:aws:sns:eu-west-1:123456789012:topic.fifo",
    "QUEUE": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "DLQ": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq",
    "RETRY_POLICY": '{"receives": 5, "age": 60, "wait": 3600, "backoff": 1}',
    "STAGE": "bench",
    "SERVICE": "orders",
}
METADATA = MessageMetadata("request", TRACEPARENT, 0)
LINES = tuple(OrderLine(f"sku-{n}", 1 + n, Money(1999, "EUR")) for n in range(3))
PLACED = OrderPlaced(
    customer="8f14e45f-ceea-467f-a1b2-0d1e2f3a4b5c",
    lines=LINES,
    total=Money(1999 * 6, "EUR"),
    payment_method="pm_card_visa",
)
RECIPIENT = Recipient(
    email="customer@example.com", address=Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
)
RESERVED = StockReserved(lines=tuple(Units(line.sku, line.quantity) for line in LINES))

Invoke = Callable[[Sequence[Mapping[str, Any]]], object]
Answers = Mapping[str, Callable[[bytes], bytes]]


# AWS, below botocore


class _Raw(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def answer(client: Any, answers: Answers, delay: float = 0) -> None:
    """Answer a client's requests instead of sending them.

    Args:
        client: The client.
        answers: Returns the answer's body for a request's body, by the operation's name.
        delay: How long each answer takes, in seconds.
    """

    def send(request: Any, event_name: str, **_: Any) -> AWSResponse:
        if delay:
            time.sleep(delay)
        body = answers[event_name.rpartition(".")[2]](request.body)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(body))

    client.meta.events.register("before-send", send)


def stored(orders: Sequence[str]) -> Answers:
    """Return the answers of a table that always contains these orders as they were placed."""
    items = {order: json.dumps({"Item": _item(order)}).encode() for order in orders}
    return {"GetItem": lambda body: items[json.loads(body)["Key"]["pk"]["S"]], "PutItem": lambda _: b"{}"}


def _item(order: str) -> Attributes:
    item = advance(Entity[Order](order), service.name, Order(), (Announcement(PLACED, RECIPIENT),), METADATA, 1)
    return to_attributes(service.codec.encode(item, announces=True, attributes=service.index_attributes(item)))


def _succeeded(_body: bytes) -> bytes:
    entry = "<member><Id>{0}</Id><MessageId>m-{0}</MessageId><SequenceNumber>1</SequenceNumber></member>"
    entries = "".join(entry.format(n) for n in range(10))
    return (
        f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful>{entries}'
        "</Successful><Failed/></PublishBatchResult></PublishBatchResponse>"
    ).encode()


def _published(_body: bytes) -> bytes:
    return (
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId>'
        b"<SequenceNumber>1</SequenceNumber></PublishResult></PublishResponse>"
    )


# The events of the functions


def order_id(n: int) -> str:
    """Return the id of the n-th order."""
    return f"3f2b8c1e-7a6d-4e0b-9c58-{n:012d}"


def announced(source: str, order: str, *data: Contract) -> tuple[str, ...]:
    """Return the JSON of the events that a source announces about an order."""
    return tuple(event.body for event in advance(Entity[None](order), source, None, data, METADATA, 1).outbox)


def messages(orders: int, count: int = MESSAGES) -> list[dict[str, Any]]:
    """Return Lambda's records of messages that are spread over the orders. The handler of each writes."""
    each = [announced("inventory", order_id(n), *[RESERVED] * (count // orders)) for n in range(orders)]
    bodies = (body for turn in zip(*each, strict=True) for body in turn)
    return [make_record(body, message_id=f"message-{n}") for n, body in enumerate(bodies)]


def writes() -> list[dict[str, Any]]:
    """Return Lambda's records of the writes that announced 1,000 events of 300 orders, one event each."""
    logs = [announced("orders", order_id(n), *[PLACED] * -(-EVENTS // ORDERS)) for n in range(ORDERS)]
    turns = ((log[:n], log[: n + 1]) for n in range(len(logs[0])) for log in logs)
    return [
        {"dynamodb": {"SequenceNumber": str(n), "OldImage": _image(old), "NewImage": _image(new)}}
        for n, (old, new) in enumerate(islice(turns, EVENTS))
    ]


def _image(events: Sequence[str]) -> dict[str, Any]:
    return {"outbox": {"L": [{"S": event} for event in events]}}


# The functions


@contextmanager
def environment() -> Iterator[None]:
    """Set a function's environment, with new clients. Its metrics are not printed."""
    session = boto3.Session(region_name=CREDENTIALS["AWS_DEFAULT_REGION"])
    with (
        patch.dict(os.environ, FUNCTION),
        patch.object(boto3, "DEFAULT_SESSION", session),
        redirect_stdout(StringIO()),
    ):
        yield
    clients.dynamodb.cache_clear()
    clients.sns.cache_clear()


def consumer(delay: float = 0) -> Invoke:
    """Return the function on orders' queue. It handles a reservation by reading and writing the order's item."""
    clients.dynamodb.cache_clear()
    answer(clients.dynamodb(), stored([order_id(n) for n in range(MESSAGES)]), delay)
    return _checked(lambdas.consumer(service))


def bare(config: Config | None = None) -> Invoke:
    """Return a function that makes the same calls with boto3 and json, by a client with these settings."""
    client = boto3.client("dynamodb", config=config)
    answer(client, stored([order_id(n) for n in range(MESSAGES)]))

    def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
        for record in event["Records"]:
            message = json.loads(record["body"])
            key = {"pk": {"S": message["subject"]}}
            item = client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]
            state, version = json.loads(item["state"]["S"]), item["version"]["N"]
            state["reserved"] = True
            item["state"] = {"S": json.dumps(state)}
            item["version"] = {"N": str(int(version) + 1)}
            item["inbox"] = {"L": [*item.get("inbox", {"L": []})["L"], {"S": message["id"]}]}
            del item["announces"]
            client.put_item(
                TableName=TABLE,
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ConditionExpression="#version = :expected",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":expected": {"N": version}},
            )
        return {"batchItemFailures": []}

    return _checked(handler)


def relay() -> Invoke:
    """Return the function on a table's stream."""
    clients.sns.cache_clear()
    answer(clients.sns(), {"PublishBatch": _succeeded}, SNS_DELAY)
    return _checked(lambdas.relay())


def one_by_one() -> Invoke:
    """Return a function that publishes each announced event with a Publish."""
    client = boto3.client("sns", config=clients.CONFIG)
    answer(client, {"Publish": _published}, SNS_DELAY)

    def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
        for record in event["Records"]:
            message = record["dynamodb"]["NewImage"]["outbox"]["L"][-1]["S"]
            head = json.loads(message)
            client.publish(
                TopicArn=FUNCTION["TOPIC"],
                Message=message,
                MessageGroupId=head["subject"],
                MessageDeduplicationId=head["id"],
                MessageAttributes={"type": {"DataType": "String", "StringValue": head["type"]}},
            )
        return {"batchItemFailures": []}

    return _checked(handler)


def _checked(handler: Callable[[Mapping[str, Any], Any], dict[str, Any]]) -> Invoke:
    def invoke(records: Sequence[Mapping[str, Any]]) -> None:
        if failures := handler({"Records": records}, Context())["batchItemFailures"]:
            raise RuntimeError(f"{len(failures)} of {len(records)} records failed")

    return invoke


# The figures


def measure() -> Iterator[Figure]:
    """Measure batches, an event's processor time, and the relay."""
    yield _batch("batch.concurrency", MESSAGES, 1.6)
    yield _batch("batch.ordered", 2, 5)
    yield _overhead()
    yield _relayed()


@environment()
def _batch(key: str, orders: int, limit: float) -> Figure:
    invoke, one, batch = consumer(AWS_DELAY), messages(1, 1), messages(orders)
    found = paired(lambda: wall_time(lambda: invoke(batch)), lambda: wall_time(lambda: invoke(one)), PAIRS)
    return Figure(
        key,
        found.ratio,
        "×",
        found.baseline * 1000,
        f"Wall time of orders' function for a batch of {MESSAGES} messages of {orders} orders, each of which it "
        f"handles with a write, ÷ for one message. Each call to AWS takes {AWS_DELAY * 1000:.0f} ms, below botocore. "
        f"{_medians(found)} "
        "The baseline is in milliseconds.",
        Limit("≤", limit),
    )


@environment()
def _overhead() -> Figure:
    together = messages(MESSAGES)
    alone = [[message] for message in together]
    ours, baseline, same = consumer(), bare(), bare(clients.CONFIG)

    def each(invoke: Invoke, batches: Sequence[Sequence[Mapping[str, Any]]]) -> float:
        events = ROUNDS * MESSAGES
        return processor_time(lambda: [invoke(batch) for _ in range(ROUNDS) for batch in batches]) / events

    def against(theirs: Invoke, batches: Sequence[Sequence[Mapping[str, Any]]]) -> Paired:
        return paired(lambda: each(ours, batches), lambda: each(theirs, batches), PAIRS)

    found = against(baseline, alone)
    rows = {
        "one message at a time": found,
        SAME_SETTINGS: against(same, alone),
        f"{MESSAGES} orders at once": against(baseline, [together]),
    }
    return Figure(
        "overhead.event",
        found.ratio,
        "×",
        found.baseline * 1000,
        "Processor time of orders' function for an event, one message at a time, ÷ that of a bare handler, which makes "
        "the same GetItem and PutItem with json and dicts, by a client with boto3's default settings. Both use "
        f"botocore, whose requests are answered and not sent. {_medians(found)} The baseline is in milliseconds. The "
        "client's settings (tidings/aws/clients.py) save a large part: with the same settings on both sides the ratio "
        f"is {rows[SAME_SETTINGS].ratio:.2f}. The function handles {MESSAGES} orders of a batch in {MESSAGES} threads, "
        "which contend for the interpreter because here no call waits. The bare handler takes them one after another.",
        Limit("≤", 1.2),
        (
            Table(
                "Processor time of an event",
                ("÷ bare handler", "ms", "bare handler, ms"),
                {name: (row.ratio, row.ours * 1000, row.baseline * 1000) for name, row in rows.items()},
            ),
        ),
    )


@environment()
def _relayed() -> Figure:
    records = writes()
    ours, baseline = relay(), one_by_one()
    found = paired(
        lambda: EVENTS / wall_time(lambda: ours(records)),
        lambda: ONE_BY_ONE / wall_time(lambda: baseline(records[:ONE_BY_ONE])),
        PAIRS,
    )
    return Figure(
        "relay.throughput",
        found.ratio,
        "×",
        found.baseline,
        f"Events a second through the relay, {EVENTS:,} of {ORDERS} orders, ÷ with a Publish for each event, of which "
        f"{ONE_BY_ONE} are measured. Each call to SNS takes {SNS_DELAY * 1000:.0f} ms, below botocore. Medians of "
        f"{PAIRS} pairs: {found.ours:,.0f} a second and {found.baseline:,.0f}.",
        Limit("≥", 20),
    )


def _medians(found: Paired) -> str:
    return f"Medians of {PAIRS} pairs: {found.ours * 1000:.2f} ms and {found.baseline * 1000:.2f} ms."
