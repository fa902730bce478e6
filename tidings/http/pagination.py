"""Pagination: lists that a table's index holds, read a page at a time."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from tidings.http.problems import Problem, Rule

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

    # Consumers import this module for `list_entry`, and need no requests: that saves a cold start a millisecond.
    from tidings.http.requests import Request

OWNER, RANK, SUMMARY = "owner", "rank", "summary"
"""The index's partition key (the list), its sort key (the position), and the JSON that the list shows of an item."""

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_LIMIT,
        description=f"Maximum number of items: a whole number from 1 to {MAX_LIMIT}, {DEFAULT_LIMIT} by default",
    ),
]
Cursor = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2200,
        pattern=r"^[A-Za-z0-9_-]+\Z",
        description="The member `next` of the page before, unchanged",
    ),
]

PAGE_QUERY: Mapping[str, Any] = {"limit": Limit | None, "cursor": Cursor | None}
"""The parameters of a route that lists."""

UNKNOWN_CURSOR = Rule(422, "Unknown cursor", "The cursor is not the member `next` of a page of this list.")
PAGE_RULES = (UNKNOWN_CURSOR,)
"""The rules of a route that lists."""

T = TypeVar("T")
KeyPart = Annotated[str, Meta(min_length=1, max_length=200)]
Position = tuple[str, KeyPart, KeyPart]
"""The list's mark, an item's key and its rank."""


def list_entry(owner: str, rank: str, summary: Any) -> dict[str, str]:
    """Return the attributes by which an item is in a list.

    Args:
        owner: The list.
        rank: The position in the list; lists sort by it as text.
        summary: The struct that the list shows.
    """
    return {OWNER: owner, RANK: rank, SUMMARY: msgspec.json.encode(summary).decode()}


class Pages:
    """The lists of one index. A cursor encodes the position of the last item of the page before."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def read(
        self, owner: str, kind: type[T], request: "Request", *, newest_first: bool = False
    ) -> tuple[tuple[T, ...], str | None]:
        """Read a page of a list, and the cursor of the next one; None on the last page.

        Args:
            owner: The list.
            kind: The struct that the list shows.
            request: The request, whose route declares `PAGE_QUERY` and `PAGE_RULES`.
            newest_first: Whether to read from the highest rank to the lowest.

        Raises:
            Problem: 422 if the cursor is not one of this list.
        """
        limit = request.query.get("limit", DEFAULT_LIMIT)
        shown, following = self._page(owner, limit, request.query.get("cursor"), newest_first=newest_first)
        return tuple(msgspec.json.decode(item[SUMMARY]["S"], type=kind) for item in shown), following

    def keys(self, owner: str, cursor: str | None = None) -> tuple[tuple[str, ...], str | None]:
        """Return the keys of a page of a list, lowest rank first, and the cursor of the next one; None at its end.

        An item that is added with the highest rank is on a later page.

        Args:
            owner: The list.
            cursor: The cursor that came with the page before; None for the first page.

        Raises:
            Problem: 422 if the cursor is not one of this list.
        """
        shown, following = self._page(owner, DEFAULT_LIMIT, cursor, newest_first=False)
        return tuple(item["pk"]["S"] for item in shown), following

    def _page(
        self, owner: str, limit: int, cursor: str | None, *, newest_first: bool
    ) -> "tuple[Sequence[Mapping[str, AttributeValueTypeDef]], str | None]":
        mark = self._mark(owner)
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": self._index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": OWNER},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ScanIndexForward": not newest_first,
            # DynamoDB names a last key whenever it stops at the limit. Only one item more tells whether there are any.
            "Limit": limit + 1,
        }
        if cursor:
            key, rank = decode_cursor(mark, cursor)
            query["ExclusiveStartKey"] = {OWNER: {"S": owner}, "pk": {"S": key}, RANK: {"S": rank}}
        answer = self._client.query(**query)
        shown = answer["Items"][:limit]
        # A Query also stops at 1 MB.
        is_last = len(answer["Items"]) <= limit and "LastEvaluatedKey" not in answer
        return shown, None if is_last else encode_cursor(mark, shown[-1]["pk"]["S"], shown[-1][RANK]["S"])

    def _mark(self, owner: str) -> str:
        return mark_of(self._table, self._index, owner)


def mark_of(*names: str) -> str:
    """Return a short text that differs between lists, so that no list takes another one's cursor."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]


def encode_cursor(mark: str, key: str, rank: str) -> str:
    """Return the cursor of an item in a list, given the list's mark, the item's key and its rank."""
    return base64.urlsafe_b64encode(msgspec.json.encode((mark, key, rank))).decode().rstrip("=")


def decode_cursor(mark: str, cursor: str) -> tuple[str, str]:
    """Return the key and the rank of the item that a cursor names.

    Raises:
        Problem: 422 if the cursor is not one of the list with this mark.
    """
    try:
        _, key, rank = msgspec.json.decode(
            base64.urlsafe_b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}"), type=Position
        )
    except ValueError as error:
        raise _unknown() from error
    if encode_cursor(mark, key, rank) != cursor:
        raise _unknown()
    return key, rank


def _unknown() -> Problem:
    return Problem(UNKNOWN_CURSOR, "`cursor` is `next` of the page before, unchanged.", field="cursor")
