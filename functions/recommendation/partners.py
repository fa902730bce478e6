"""A product's partners, in recommendation's own table, by how often they were bought together."""

from typing import TYPE_CHECKING

from msgspec import Struct

from functions.recommendation.reactions import ONE, RANK, partners
from tidings.ledger import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Partner(Struct, frozen=True):
    """A product, and the number of confirmed orders in which it stood beside the one asked for."""

    sku: str
    count: int


class Partners:
    """Reads what products are bought with."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def top(self, product: str, most: int) -> tuple[Partner, ...]:
        """So many at most, the most often bought first: one Query that reads no more than it gives."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="pk = :partners",
            ExpressionAttributeValues={":partners": {"S": partners(product)}},
            ScanIndexForward=False,
            Limit=most,
        )
        return tuple(Partner(item[SORT_KEY]["S"], int(item[RANK]["N"]) // ONE) for item in answer["Items"])
