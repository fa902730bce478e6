"""Bare handlers to measure against: what one would write by hand, without inbox, outbox, contracts or failures."""

import json
from typing import Any

import boto3

client = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Puts each message's order."""
    for record in event["Records"]:
        message = json.loads(record["body"])
        client.put_item(TableName="bare", Item={"pk": {"S": message["subject"]}, "state": {"S": json.dumps(message)}})
    return {"batchItemFailures": []}
