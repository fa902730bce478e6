"""The stock of products, in inventory's own table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.inventory.handlers import stock_key
from tidings.core.ports import TransactionConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True)
class Level:
    """The units of a product. The available and the reserved units together are on hand."""

    available: int
    reserved: int


class Stock:
    """The stock of all products."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, sku: str) -> Level | None:
        """Return a product's stock, or None if it was never set."""
        answer = self._client.get_item(TableName=self._table, Key=_key(sku), ConsistentRead=True)
        return _level(answer["Item"]) if "Item" in answer else None

    def set_on_hand(self, sku: str, on_hand: int) -> Level | None:
        """Set the units on hand, also while others reserve. Return None if more than these are reserved."""
        try:
            # The table itself subtracts the reserved units, so that no concurrent reservation is lost.
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(sku),
                UpdateExpression="SET reserved = if_not_exists(reserved, :none), "
                "available = :on_hand - if_not_exists(reserved, :none)",
                ConditionExpression="attribute_not_exists(pk) OR reserved <= :on_hand",
                ExpressionAttributeValues={":on_hand": {"N": str(on_hand)}, ":none": {"N": "0"}},
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        except self._client.exceptions.TransactionConflictException as error:
            raise TransactionConflictError("a transaction reserves the product") from error
        return _level(answer["Attributes"])


def _key(sku: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": stock_key(sku)}}


def _level(item: "dict[str, AttributeValueTypeDef]") -> Level:
    return Level(available=int(item["available"]["N"]), reserved=int(item["reserved"]["N"]))
