"""The customers' balances, in loyalty's own table."""

from typing import TYPE_CHECKING

from functions.loyalty.handlers import POINTS, balance_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Balances:
    """The reader of balances."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, customer: str) -> int:
        """Return a customer's points, by one consistent GetItem."""
        key = {"pk": {"S": balance_key(customer)}}
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return int(answer["Item"][POINTS]["N"]) if "Item" in answer else 0
