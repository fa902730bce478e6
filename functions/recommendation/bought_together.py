"""The products that are frequently bought together, read from recommendation's own table."""

from typing import TYPE_CHECKING

from msgspec import Struct

from functions.recommendation.handlers import ONE, RANK, bought_with
from tidings.core.strategy import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class BoughtTogether(Struct, frozen=True):
    """A product, and the number of confirmed orders that contain it and the product asked for."""

    sku: str
    count: int


class BoughtTogetherIndex:
    """The index of the products that are bought with each product."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def top(self, product: str, limit: int) -> tuple[BoughtTogether, ...]:
        """Return the products that are bought with a product most often, by one Query of `limit` items."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="pk = :partition",
            ExpressionAttributeValues={":partition": {"S": bought_with(product)}},
            ScanIndexForward=False,
            Limit=limit,
        )
        return tuple(BoughtTogether(item[SORT_KEY]["S"], int(item[RANK]["N"]) // ONE) for item in answer["Items"])
