"""The bare handlers: each puts one item for its message, and the relay publishes the items' events.

They use boto3 and json alone. They validate nothing, read nothing before they write, recognise no duplicates and retry
nothing. An event has the data of its cause.
"""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3

ANNOUNCES = {
    ("payment", "OrderPlaced"): "PaymentAuthorized",
    ("inventory", "OrderPlaced"): "StockReserved",
    ("orders", "PaymentAuthorized"): "OrderConfirmed",
    ("payment", "OrderConfirmed"): "PaymentCaptured",
    ("notification", "PaymentCaptured"): "EmailSent",
    ("loyalty", "OrderConfirmed"): "PointsAwarded",
}
"""The event type that each service announces for a happy order, by the service and the type of its cause."""

SECOND = ("OrderConfirmed", "PaymentCaptured")
"""The event types that are the second of their service about an order."""

MAX_ENTRIES = 10
"""Maximum number of entries in a PublishBatch."""

dynamodb = boto3.client("dynamodb")
sns = boto3.client("sns")


def api(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Place an order, or show one."""
    if event["requestContext"]["http"]["method"] == "POST":
        order = str(uuid.uuid4())
        _put(order, _event("OrderPlaced", order, 1, json.loads(event["body"])), announced=True)
        return _answer(202, {"id": order, "status": "PENDING"})
    order = event["pathParameters"]["id"]
    item = dynamodb.get_item(TableName=os.environ["TABLE"], Key={"pk": {"S": order}}, ConsistentRead=True)["Item"]
    confirmed = json.loads(item["event"]["S"])["type"] == "OrderConfirmed"
    return _answer(200, {"id": order, "status": "CONFIRMED" if confirmed else "PENDING"})


def consumer(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Put an item for each message, with the event that it announces, or with the received event."""
    for record in event["Records"]:
        received = json.loads(record["body"])
        order = received["subject"]
        announced = ANNOUNCES.get((os.environ["SERVICE"], received["type"]))
        if announced:
            number = 2 if announced in SECOND else 1
            _put(order, _event(announced, order, number, received["data"]), announced=True)
        else:
            _put(received["id"], received, announced=False)
    return {"batchItemFailures": []}


def relay(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish the event of each item that was put."""
    texts = [record["dynamodb"]["NewImage"]["event"]["S"] for record in event["Records"]]
    for start in range(0, len(texts), MAX_ENTRIES):
        sns.publish_batch(
            TopicArn=os.environ["TOPIC"],
            PublishBatchRequestEntries=[_entry(n, text) for n, text in enumerate(texts[start : start + MAX_ENTRIES])],
        )
    return {"batchItemFailures": []}


def _put(key: str, event: dict[str, Any], *, announced: bool) -> None:
    item: dict[str, Any] = {
        "pk": {"S": key},
        # The two names of a sort key, for the tables that have one.
        "id": {"S": event["id"]},
        "sk": {"S": event["id"]},
        "event": {"S": json.dumps(event)},
        "announces": {"BOOL": announced},
    }
    dynamodb.put_item(TableName=os.environ["TABLE"], Item=item)


def _event(kind: str, order: str, number: int, data: Any) -> dict[str, Any]:
    source = os.environ["SERVICE"]
    return {
        "id": f"{source}/{order}/{number}",
        "source": source,
        "type": kind,
        "subject": order,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "data": data,
    }


def _entry(number: int, text: str) -> Any:
    event = json.loads(text)
    return {
        "Id": str(number),
        "Message": text,
        "MessageGroupId": event["subject"],
        "MessageDeduplicationId": event["id"],
        "MessageAttributes": {"type": {"DataType": "String", "StringValue": event["type"]}},
    }


def _answer(status: int, body: Any) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
