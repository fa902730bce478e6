"""The log of all events, in history's own table: an item an event, under its order and its id."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Raw

from functions.history.buckets import HOURS, SHARDS, Recording, entry, hour_of
from tidings.clock import Clock, now, rfc3339
from tidings.events import Event, decode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Log:
    """Records events, each once, and reads those of an order."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = now) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._hours: set[str] = set()
        self._opening = Lock()

    def record(self, event: Event[str], _deadline: int) -> None:
        """Puts the event as it came, unless it is there: the same fact has the same id, however often it comes."""
        recorded = rfc3339(self._clock())
        self._open(hour_of(recorded))
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": event.subject},
                    "id": {"S": event.id},
                    "event": {"S": event.data},
                    "recorded": {"S": recorded},
                    **{name: {"S": value} for name, value in entry(Recording(event, recorded)).items()},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )

    def events(self, order: str) -> Iterator[Event[Raw]]:
        """The events of an order, by all services, in no promised order."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": order}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield decode(item["event"]["S"])

    def _open(self, hour: str) -> None:
        """Says how many shards the hour has, before its first event: once a process and hour, not once an event.

        Where processes disagree, as while a new version is deployed, the hour keeps the most.
        """
        with self._opening:
            if hour in self._hours:
                return
            with suppress(self._client.exceptions.ConditionalCheckFailedException):
                self._client.put_item(
                    TableName=self._table,
                    Item={"pk": {"S": HOURS}, "id": {"S": hour}, "shards": {"N": str(SHARDS)}},
                    ConditionExpression="attribute_not_exists(pk) OR shards < :shards",
                    ExpressionAttributeValues={":shards": {"N": str(SHARDS)}},
                )
            self._hours.add(hour)
