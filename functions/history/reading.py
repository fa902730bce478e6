"""Reads the log by the time it was recorded, oldest first, a page of each shard at a time."""

import heapq
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Raw

from functions.history.buckets import BUCKET, HOURS, MOMENT, buckets, hour_of
from tidings.clock import millis
from tidings.events import Event, decode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, QueryOutputTypeDef


@dataclass(frozen=True)
class Logged:
    """An event as the log has it: `body` is its JSON, `moment` its place among all (the time recorded, then its id)."""

    moment: str
    body: str
    event: Event[Raw]

    @property
    def recorded(self) -> int:
        """When it was recorded, in milliseconds since 1970."""
        return millis(self.moment.partition("/")[0])


@dataclass(frozen=True)
class Reader:
    """The log, by its table and the index of that table. The executor fetches the first pages of an hour's shards.

    The index follows the table by some moments: who reads up to the present waits for those first.
    """

    client: "DynamoDBClient"
    table: str
    index: str
    executor: Executor

    def read(self, start: str, end: str) -> Iterator[Logged]:
        """What was recorded from `start` on and before `end`, oldest first. Both are times, or moments.

        It queries those hours alone in which there is something, and holds one page a shard.
        """
        for hour, shards in self._hours(start, end):
            firsts = [(self._shard(name, start, end)) for name in buckets(hour, shards)]
            pages = self.executor.map(lambda query: self.client.query(**query), firsts)
            yield from heapq.merge(
                *(self._rest(query, page) for query, page in zip(firsts, pages, strict=True)), key=attrgetter("moment")
            )

    def order(self, order: str) -> list[Logged]:
        """All events of an order, in causal order."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": order}},
            ConsistentRead=True,
        )
        found = [_logged(item) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda each: (each.event.time, each.event.id))

    def beginning(self) -> str | None:
        """The first hour in which something was recorded, as a time; None where nothing ever was."""
        first = self.client.query(
            TableName=self.table,
            KeyConditionExpression="pk = :hours",
            ExpressionAttributeValues={":hours": {"S": HOURS}},
            ConsistentRead=True,
            Limit=1,
        )["Items"]
        return f"{first[0]['id']['S']}:00:00.000Z" if first else None

    def _hours(self, start: str, end: str) -> Iterator[tuple[str, int]]:
        """The hours in which something was recorded, each with the number of its shards."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :hours AND id BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":hours": {"S": HOURS},
                ":first": {"S": hour_of(start)},
                ":last": {"S": hour_of(end)},
            },
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield item["id"]["S"], int(item["shards"]["N"])

    def _shard(self, bucket: str, start: str, end: str) -> "QueryInputTypeDef":
        return {
            "TableName": self.table,
            "IndexName": self.index,
            # A bare end is no event's moment, though BETWEEN would take it in.
            "KeyConditionExpression": "#bucket = :bucket AND #moment BETWEEN :start AND :end",
            "ExpressionAttributeNames": {"#bucket": BUCKET, "#moment": MOMENT},
            "ExpressionAttributeValues": {":bucket": {"S": bucket}, ":start": {"S": start}, ":end": {"S": end}},
        }

    def _rest(self, query: "QueryInputTypeDef", page: "QueryOutputTypeDef") -> Iterator[Logged]:
        """A shard's events, from its first page on."""
        while True:
            yield from map(_logged, page["Items"])
            if not (last := page.get("LastEvaluatedKey")):
                return
            page = self.client.query(**query | {"ExclusiveStartKey": last})


def _logged(item: "Mapping[str, AttributeValueTypeDef]") -> Logged:
    body = item["event"]["S"]
    return Logged(item[MOMENT]["S"], body, decode(body))
