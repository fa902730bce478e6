"""The bare handler that cold starts are compared with: boto3 and json, without inbox, outbox and contracts."""

import json
from typing import Any

import boto3

client = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Put an item for each message."""
    for record in event["Records"]:
        message = json.loads(record["body"])
        client.put_item(TableName="bare", Item={"pk": {"S": message["subject"]}, "state": {"S": json.dumps(message)}})
    return {"batchItemFailures": []}
