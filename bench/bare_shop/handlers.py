"""The bare handlers: each puts one item for what it is given, and what that announces is published on.

They are what one writes first, with boto3 and `json` alone. Nothing is checked, nothing is read before it is written,
nothing is known twice, and what fails fails. An event carries on what its cause said.
"""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3

ANNOUNCES = {
    ("payment", "OrderPlaced"): "PaymentCaptured",
    ("inventory", "OrderPlaced"): "StockReserved",
    ("orders", "PaymentCaptured"): "OrderConfirmed",
    ("notification", "PaymentCaptured"): "ReceiptSent",
    ("loyalty", "OrderConfirmed"): "PointsAwarded",
}
"""What each service announces on the way of a happy order, and upon what."""

MOST = 10
"""Entries of a PublishBatch."""

dynamodb = boto3.client("dynamodb")
sns = boto3.client("sns")


def api(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Places an order, or shows one."""
    if event["requestContext"]["http"]["method"] == "POST":
        order = str(uuid.uuid4())
        _put(order, _event("OrderPlaced", order, 1, json.loads(event["body"])), announced=True)
        return _answer(202, {"id": order, "status": "PENDING"})
    order = event["pathParameters"]["id"]
    item = dynamodb.get_item(TableName=os.environ["TABLE"], Key={"pk": {"S": order}}, ConsistentRead=True)["Item"]
    confirmed = json.loads(item["event"]["S"])["type"] == "OrderConfirmed"
    return _answer(200, {"id": order, "status": "CONFIRMED" if confirmed else "PENDING"})


def consumer(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Puts an item for each message: with the event that it announces, or else with that which it was given."""
    for record in event["Records"]:
        given = json.loads(record["body"])
        order = given["subject"]
        announced = ANNOUNCES.get((os.environ["SERVICE"], given["type"]))
        if announced:
            number = 2 if announced == "OrderConfirmed" else 1
            _put(order, _event(announced, order, number, given["data"]), announced=True)
        else:
            _put(given["id"], given, announced=False)
    return {"batchItemFailures": []}


def relay(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publishes the event of each item that was put."""
    texts = [record["dynamodb"]["NewImage"]["event"]["S"] for record in event["Records"]]
    for start in range(0, len(texts), MOST):
        sns.publish_batch(
            TopicArn=os.environ["TOPIC"],
            PublishBatchRequestEntries=[_entry(n, text) for n, text in enumerate(texts[start : start + MOST])],
        )
    return {"batchItemFailures": []}


def _put(key: str, event: dict[str, Any], *, announced: bool) -> None:
    item: dict[str, Any] = {
        "pk": {"S": key},
        # The sort key, where the table has one, bears the one name or the other.
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
