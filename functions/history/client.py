"""The public client of history: the event log, as operators' commands read it."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from functions.history.buckets import BUCKET, HOURS, POSITION, buckets, hour_of
from functions.history.log import HAS_PERSONAL, PERSONAL_ITEM
from tidings.aws.dynamodb import MAX_READ, read_all
from tidings.aws.recovery import reporting
from tidings.core.clock import from_rfc3339
from tidings.core.entity import EventHead
from tidings.core.errors import PermanentError, ThrottledError, described
from tidings.core.event import decode
from tidings.core.personal import with_personal
from tidings.recovery import LoggedEvent, RecoveryError, UnreadableEvent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, QueryOutputTypeDef


@dataclass(frozen=True)
class HistoryClient:
    """The event log, read a page of each shard at a time. It implements `tidings.recovery.SearchableLog`.

    The index lags behind the table by moments. A reader of the latest events waits for it first.

    Attributes:
        client: The client.
        table: The name of history's table.
        table_id: The id of history's table, which changes when the table is created again.
        index: The name of the index by the time recorded.
        threads: Reads the first pages of an hour's shards in parallel, and the events that are looked up.
    """

    client: "DynamoDBClient"
    table: str
    table_id: str
    index: str
    threads: Executor

    @classmethod
    def connect(cls, client: "DynamoDBClient", table: str, threads: Executor) -> "HistoryClient":
        """Return the client of a deployed table.

        Raises:
            RecoveryError: If the table has no index that can be read.
        """
        found = client.describe_table(TableName=table)["Table"]
        for index in found.get("GlobalSecondaryIndexes", []):
            if index.get("IndexStatus", "ACTIVE") == "ACTIVE":
                return cls(client, table, found.get("TableId", ""), index["IndexName"], threads)
        raise RecoveryError(f"the table {table} has no index yet; deploy history, and wait until the index is active")

    def read(self, start: str, end: str) -> Iterator[LoggedEvent | UnreadableEvent]:
        """Iterate over the events recorded from `start` on and before `end`, sorted by position.

        Only the hours in which an event was recorded are queried. One page of each shard is in memory.
        """
        # DynamoDB refuses BETWEEN with a lower bound above the upper one.
        if start > end:
            return
        for hour, shards in self._hours(start, end):
            queries = [self._shard_query(name, start, end) for name in buckets(hour, shards)]
            pages = self.threads.map(lambda query: self.client.query(**query), queries)
            yield from heapq.merge(
                *(self._shard_events(query, page) for query, page in zip(queries, pages, strict=True)),
                key=attrgetter("position"),
            )

    def read_entity(self, subject: str) -> list[LoggedEvent | UnreadableEvent]:
        """Return all events of an order, sorted by (time, id). Those that cannot be read come last."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": subject}},
            ConsistentRead=True,
        )
        items = [item for page in pages for item in page["Items"] if item["id"]["S"] != PERSONAL_ITEM]
        found = self._decode(items)
        events = [record for record in found if isinstance(record, LoggedEvent)]
        unreadable = [record for record in found if isinstance(record, UnreadableEvent)]
        return [*sorted(events, key=lambda logged: (logged.event.time, logged.event.id)), *unreadable]

    def find(self, heads: Sequence[EventHead]) -> dict[str, str]:
        """Return the bodies of those of the events that are recorded, by id, by a BatchGetItem for each hundred.

        Raises:
            RecoveryError: If the table cannot be read, or is throttled.
        """
        keys: list[Mapping[str, AttributeValueTypeDef]] = [
            {"pk": {"S": subject}, "id": {"S": event}}
            for event, subject in {head.id: head.subject for head in heads}.items()
        ]
        chunks = [keys[start : start + MAX_READ] for start in range(0, len(keys), MAX_READ)]
        try:
            with reporting(f"{self.table} cannot be read"):
                pages = list(self.threads.map(lambda chunk: read_all(self.client, self.table, chunk), chunks))
        except ThrottledError as error:
            raise RecoveryError(f"{error}; repeat what was begun, at a lower rate") from error
        return {item["id"]["S"]: item.get("event", {}).get("S", "") for page in pages for item in page}

    def beginning(self) -> str | None:
        """Return the start of the first hour in which an event was recorded; None if the log is empty."""
        first = self.client.query(
            TableName=self.table,
            KeyConditionExpression="pk = :hours",
            ExpressionAttributeValues={":hours": {"S": HOURS}},
            ConsistentRead=True,
            Limit=1,
        )["Items"]
        return f"{first[0]['id']['S']}:00:00.000Z" if first else None

    def _hours(self, start: str, end: str) -> Iterator[tuple[str, int]]:
        """Iterate over the hours in which an event was recorded, each with its number of shards."""
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

    def _shard_query(self, bucket: str, start: str, end: str) -> "QueryInputTypeDef":
        return {
            "TableName": self.table,
            "IndexName": self.index,
            # BETWEEN includes its end, but no event's position is a bare time.
            "KeyConditionExpression": "#bucket = :bucket AND #position BETWEEN :start AND :end",
            "ExpressionAttributeNames": {"#bucket": BUCKET, "#position": POSITION},
            "ExpressionAttributeValues": {":bucket": {"S": bucket}, ":start": {"S": start}, ":end": {"S": end}},
        }

    def _shard_events(
        self, query: "QueryInputTypeDef", page: "QueryOutputTypeDef"
    ) -> Iterator[LoggedEvent | UnreadableEvent]:
        """Iterate over a shard's events, given its first page."""
        while True:
            yield from self._decode(page["Items"])
            if not (last := page.get("LastEvaluatedKey")):
                return
            page = self.client.query(**query | {"ExclusiveStartKey": last})

    def _decode(self, items: "Sequence[Mapping[str, AttributeValueTypeDef]]") -> list[LoggedEvent | UnreadableEvent]:
        """Decode a page of items, and add the personal data that is still there."""
        orders = dict.fromkeys(item["pk"]["S"] for item in items if HAS_PERSONAL in item)
        keys: list[Mapping[str, AttributeValueTypeDef]] = [
            {"pk": {"S": order}, "id": {"S": PERSONAL_ITEM}} for order in orders
        ]
        found = read_all(self.client, self.table, keys) if keys else []
        personal = {item["pk"]["S"]: item for item in found}
        return [_decode(item, personal.get(item["pk"]["S"], {}).get(item["id"]["S"], {}).get("S")) for item in items]


def _decode(item: "Mapping[str, AttributeValueTypeDef]", personal: str | None) -> LoggedEvent | UnreadableEvent:
    """Decode an item, whatever it holds. One that was written by hand, or by other rules, must stop no reader."""
    position = item.get(POSITION, {}).get("S", "")
    try:
        body = item["event"]["S"] if personal is None else with_personal(item["event"]["S"], personal)
        logged = LoggedEvent(position, body, decode(body))
        from_rfc3339(position.partition("/")[0])
    except PermanentError as error:
        return UnreadableEvent(position, item["id"]["S"], f"{error.reason}: {error}")
    except (LookupError, ValueError, RecursionError) as error:
        return UnreadableEvent(position, item["id"]["S"], f"not-a-record: {described(error)}")
    return logged
