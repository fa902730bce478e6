"""The reader of the index of pending entities."""

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tidings.core.clock import from_rfc3339
from tidings.core.pending import SHARDS, SINCE
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class PendingEntity(NamedTuple):
    """A pending entity's key, and since when it is pending in milliseconds since 1970."""

    since: int
    key: str


class PendingEntities:
    """The reader of a `pending_index`. The index lags behind the table, so an entity that it returns may have ended."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def oldest_first(self) -> Iterator[PendingEntity]:
        """Iterate over the pending entities. Pages are read on demand, one of each shard at a time.

        An entry whose time cannot be read is logged and omitted, so that it holds up no other.
        """
        return heapq.merge(*(self._shard(str(shard)) for shard in range(SHARDS)))

    def _shard(self, shard: str) -> Iterator[PendingEntity]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="#shard = :shard",
            ExpressionAttributeNames={"#shard": self._index},
            ExpressionAttributeValues={":shard": {"S": shard}},
            PaginationConfig={"PageSize": 100},
        )
        for page in pages:
            for item in page["Items"]:
                key = item["pk"]["S"]
                try:
                    since = from_rfc3339(item[SINCE]["S"])
                except ValueError:
                    # Each reading begins with the oldest, so this one would stop every reading.
                    logger.exception("a pending entity has no readable time", extra={"key": key})
                    continue
                yield PendingEntity(since, key)
