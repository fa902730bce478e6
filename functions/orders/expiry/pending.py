"""The pending orders, oldest first, in an index that contains no other order."""

import heapq
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from functions.orders.handlers import Order, existing, placed
from tidings.core.clock import from_rfc3339
from tidings.core.entity import Entity
from tidings.core.service import Index
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARD, SINCE = "pending", "since"
"""The index's keys: the shard, and the time the order was placed."""

SHARDS = 4
"""Shards of the index.

An order costs its shard's partition two write units, one to enter and one to leave, of 1,000 a second (Amazon DynamoDB
Developer Guide, "Best practices for designing and using partition keys effectively"), so four shards take 2,000 orders
a second. Shards may be added at any time; orders in a removed shard are not found.
"""


class PendingOrder(NamedTuple):
    """A pending order, and when it was placed in milliseconds since 1970."""

    since: int
    order: str


def pending_attributes(entity: Entity[Order]) -> dict[str, str]:
    """Return the attributes by which an order is in the index while it is pending."""
    if existing(entity).status != "PENDING":
        return {}
    return {SHARD: str(zlib.crc32(entity.key.encode()) % SHARDS), SINCE: placed(entity).time}


INDEX = Index(name="pending", partition=SHARD, sort=SINCE, of=pending_attributes)
"""The index. Its entries contain keys only, about a hundred bytes each."""


class PendingOrders:
    """The reader of the index. It lags behind the table, so an order that it returns may have ended."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def oldest_first(self) -> Iterator[PendingOrder]:
        """Iterate over the pending orders. Pages are read on demand, one of each shard at a time.

        An entry whose time cannot be read is logged and omitted, so that it holds up no other.
        """
        return heapq.merge(*(self._shard(str(shard)) for shard in range(SHARDS)))

    def _shard(self, shard: str) -> Iterator[PendingOrder]:
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
                try:
                    since = from_rfc3339(item[SINCE]["S"])
                except ValueError:
                    # Each run begins with the oldest, so this one would stop every run.
                    logger.exception("a pending order has no readable time", extra={"order_id": item["pk"]["S"]})
                    continue
                yield PendingOrder(since, item["pk"]["S"])
