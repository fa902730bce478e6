"""The lists that the index of orders' table holds: each customer's orders, and the products."""

import base64
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from msgspec import Meta

from functions.orders.products import OWNER, Product
from functions.orders.reactions import Summary
from tidings.routes import Problem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

T = TypeVar("T")
KeyPart = Annotated[str, Meta(min_length=1, max_length=200)]


class Listing:
    """Reads the lists, a page at a time. A cursor tells where the page before ended, in words of our own."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def orders(self, customer: str, limit: int, cursor: str | None) -> tuple[tuple[Summary, ...], str | None]:
        """A customer's orders, newest first, and the cursor of the next page where there is one."""
        return self._page(f"customer#{customer}", Summary, limit, cursor, newest_first=True)

    def products(self, limit: int, cursor: str | None) -> tuple[tuple[Product, ...], str | None]:
        """The products by SKU, and the cursor of the next page where there is one."""
        return self._page(OWNER, Product, limit, cursor, newest_first=False)

    def _page(
        self, owner: str, kind: type[T], limit: int, cursor: str | None, *, newest_first: bool
    ) -> tuple[tuple[T, ...], str | None]:
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": self._index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ScanIndexForward": not newest_first,
            "Limit": limit,
        }
        if cursor:
            query["ExclusiveStartKey"] = {"owner": {"S": owner}, **_read(cursor)}
        answer = self._client.query(**query)
        items = tuple(msgspec.json.decode(item["summary"]["S"], type=kind) for item in answer["Items"])
        last = answer.get("LastEvaluatedKey")
        return items, _written(last["pk"]["S"], last["rank"]["S"]) if last else None


def _written(key: str, rank: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((key, rank))).decode()


def _read(cursor: str) -> "dict[str, AttributeValueTypeDef]":
    try:
        key, rank = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[KeyPart, KeyPart])
    except ValueError as error:
        detail = "`cursor` is `next` of the page before, as it stood there."
        raise Problem(400, "Not a cursor", detail, field="cursor") from error
    return {"pk": {"S": key}, "rank": {"S": rank}}
