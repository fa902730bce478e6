"""A product's stock, in inventory's own table: what is available, and what is reserved for orders."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.inventory.reactions import stock_key
from tidings.table import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True)
class Level:
    """Units of a product; `available` and `reserved` together are on hand."""

    available: int
    reserved: int


class Stock:
    """Reads and sets stock."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, sku: str) -> Level | None:
        """A product's stock, or None where none was ever set."""
        answer = self._client.get_item(TableName=self._table, Key=_key(sku), ConsistentRead=True)
        return _level(answer["Item"]) if "Item" in answer else None

    def set_on_hand(self, sku: str, on_hand: int) -> Level | None:
        """Sets what is on hand, whatever is being reserved meanwhile; None where more than that is reserved."""
        try:
            # What is reserved is subtracted by the table itself, so that no reservation in between is lost.
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
            raise ConflictError("the product is being reserved at this moment") from error
        return _level(answer["Attributes"])


def _key(sku: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": stock_key(sku)}}


def _level(item: "dict[str, AttributeValueTypeDef]") -> Level:
    return Level(available=int(item["available"]["N"]), reserved=int(item["reserved"]["N"]))
