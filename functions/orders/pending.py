"""The pending orders, oldest first: an index that no other order stands in, so that finding them reads nothing else."""

import heapq
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from functions.orders.reactions import Order, existing
from tidings.clock import millis
from tidings.events import decode
from tidings.item import Item
from tidings.service import Index

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARD, SINCE = "pending", "since"
"""The index's keys: which of its parts, and the time the order was placed."""

SHARDS = 4
"""Parts of the index. An order costs each of its part's partition two write units, one to enter and one to leave, of
1,000 a second (Amazon DynamoDB Developer Guide, "Best practices for designing and using partition keys effectively"):
four take 2,000 orders a second. More may be added at any time; what stands in a part taken away is not found."""


class Waiting(NamedTuple):
    """A pending order, and when it was placed (milliseconds since 1970)."""

    since: int
    order: str


def standing(item: Item[Order]) -> dict[str, str]:
    """The attributes by which an order stands among the pending ones, while it is one."""
    if existing(item).status != "PENDING":
        return {}
    return {SHARD: str(zlib.crc32(item.order.encode()) % SHARDS), SINCE: decode(item.events[0]).time}


INDEX = Index(name="pending", partition=SHARD, sort=SINCE, of=standing)
"""Its entries are keys alone, of some hundred bytes."""


class Pending:
    """Reads the index, which follows the table by some moments: an order that it gives may have ended since."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def oldest_first(self) -> Iterator[Waiting]:
        """The pending orders; pages are read as they are needed, and one of each part at once."""
        return heapq.merge(*(self._part(str(shard)) for shard in range(SHARDS)))

    def _part(self, shard: str) -> Iterator[Waiting]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="#shard = :shard",
            ExpressionAttributeNames={"#shard": SHARD},
            ExpressionAttributeValues={":shard": {"S": shard}},
            PaginationConfig={"PageSize": 100},
        )
        for page in pages:
            for item in page["Items"]:
                yield Waiting(millis(item[SINCE]["S"]), item["pk"]["S"])
