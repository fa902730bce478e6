"""Whether a projection is being rebuilt: while it is, its view says so (`"rebuilding": true`)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MARKER = "rebuilding"
"""The key (`pk`, and the sort key where the table has one) of the item that stands in the table meanwhile."""


def is_rebuilding(client: "DynamoDBClient", table: str) -> bool:
    """Whether the table is being filled anew, so that what it tells is not yet all; one consistent Query."""
    answer = client.query(
        TableName=table,
        KeyConditionExpression="pk = :marker",
        ExpressionAttributeValues={":marker": {"S": MARKER}},
        ConsistentRead=True,
        Limit=1,
    )
    return bool(answer["Items"])
