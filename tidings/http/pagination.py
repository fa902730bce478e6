"""Pagination: lists that a table's index holds, read a page at a time."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from tidings.http.problems import Problem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

    # Consumers import this module for `list_entry`, and need no requests: that saves a cold start a millisecond.
    from tidings.http.requests import Request

OWNER, RANK, SUMMARY = "owner", "rank", "summary"
"""The index's partition key (the list), its sort key (the position), and the JSON that the list shows of an item."""

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

PAGE_QUERY: Mapping[str, str] = {
    "limit": f"Maximum number of items, 1 to {MAX_LIMIT}; {DEFAULT_LIMIT} by default.",
    "cursor": "`next` of the page before.",
}
"""The query parameters of a route that lists."""

T = TypeVar("T")
KeyPart = Annotated[str, Meta(min_length=1, max_length=200)]


def list_entry(owner: str, rank: str, summary: Any) -> dict[str, str]:
    """Return the attributes by which an item is in a list.

    Args:
        owner: The list.
        rank: The position in the list; lists sort by it as text.
        summary: The struct that the list shows.
    """
    return {OWNER: owner, RANK: rank, SUMMARY: msgspec.json.encode(summary).decode()}


class Pages:
    """The lists of one index. A cursor encodes the position after the page before."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def read(
        self, owner: str, kind: type[T], request: "Request", *, newest_first: bool = False
    ) -> tuple[tuple[T, ...], str | None]:
        """Read a page of a list, and the cursor of the next one.

        Raises:
            Problem: 400 if `limit` or `cursor` is invalid.
        """
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": self._index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": OWNER},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ScanIndexForward": not newest_first,
            "Limit": limit_of(request, default=DEFAULT_LIMIT, maximum=MAX_LIMIT),
        }
        if cursor := request.query.get("cursor"):
            query["ExclusiveStartKey"] = {OWNER: {"S": owner}, **_position(cursor)}
        answer = self._client.query(**query)
        items = tuple(msgspec.json.decode(item[SUMMARY]["S"], type=kind) for item in answer["Items"])
        last = answer.get("LastEvaluatedKey")
        return items, _cursor(last["pk"]["S"], last[RANK]["S"]) if last else None


def limit_of(request: "Request", *, default: int, maximum: int) -> int:
    """Return the number of items that a request asks for.

    Raises:
        Problem: 400 if `limit` is not a number from 1 to `maximum`.
    """
    text = request.query.get("limit", str(default))
    if not (text.isdecimal() and text.isascii() and len(text) <= len(str(maximum)) and 1 <= int(text) <= maximum):
        raise Problem(400, "Not a limit", f"`limit` is a whole number from 1 to {maximum}.", field="limit")
    return int(text)


def _cursor(key: str, rank: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((key, rank))).decode()


def _position(cursor: str) -> "dict[str, AttributeValueTypeDef]":
    try:
        key, rank = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[KeyPart, KeyPart])
    except ValueError as error:
        detail = "`cursor` is `next` of the page before, unchanged."
        raise Problem(400, "Not a cursor", detail, field="cursor") from error
    return {"pk": {"S": key}, RANK: {"S": rank}}
