"""Lists that a table's index holds, read a page at a time."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from tidings.routes import Problem, Request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

OWNER, RANK, SUMMARY = "owner", "rank", "summary"
"""The index's keys, whose list an item stands in and where in it, and what the list shows of it, as JSON."""

PAGE_QUERY: Mapping[str, str] = {
    "limit": "How many to show, 1 to 100; 20 unless told.",
    "cursor": "`next` of the page before.",
}
"""What a route that lists takes."""

T = TypeVar("T")
KeyPart = Annotated[str, Meta(min_length=1, max_length=200)]


def entry(owner: str, rank: str, summary: Any) -> dict[str, str]:
    """The attributes by which an item stands in an owner's list."""
    return {OWNER: owner, RANK: rank, SUMMARY: msgspec.json.encode(summary).decode()}


class Pages:
    """Reads the lists of one index. A cursor tells where the page before ended, in words of our own."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def read(
        self, owner: str, kind: type[T], request: Request, *, newest_first: bool = False
    ) -> tuple[tuple[T, ...], str | None]:
        """A page of an owner's list, and the next one's cursor; Problem where `limit` or `cursor` are none."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": self._index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": OWNER},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ScanIndexForward": not newest_first,
            "Limit": limit_of(request, unless_told=20, most=100),
        }
        if cursor := request.query.get("cursor"):
            query["ExclusiveStartKey"] = {OWNER: {"S": owner}, **_position(cursor)}
        answer = self._client.query(**query)
        items = tuple(msgspec.json.decode(item[SUMMARY]["S"], type=kind) for item in answer["Items"])
        last = answer.get("LastEvaluatedKey")
        return items, _cursor(last["pk"]["S"], last[RANK]["S"]) if last else None


def limit_of(request: Request, *, unless_told: int, most: int) -> int:
    """How many the request asks for; Problem where its `limit` is no number from 1 to `most`."""
    text = request.query.get("limit", str(unless_told))
    if not (text.isdecimal() and text.isascii() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise Problem(400, "Not a limit", f"`limit` is a whole number from 1 to {most}.", field="limit")
    return int(text)


def _cursor(key: str, rank: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((key, rank))).decode()


def _position(cursor: str) -> "dict[str, AttributeValueTypeDef]":
    try:
        key, rank = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[KeyPart, KeyPart])
    except ValueError as error:
        detail = "`cursor` is `next` of the page before, as it stood there."
        raise Problem(400, "Not a cursor", detail, field="cursor") from error
    return {"pk": {"S": key}, RANK: {"S": rank}}
