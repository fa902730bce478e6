"""The log of all events in history's table: an item for each event, by its order and its id."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from functions.history.buckets import HOURS, SHARDS, hour_of, log_entry
from tidings.core.clock import Clock, now, to_rfc3339
from tidings.core.event import Event
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_decoder = msgspec.json.Decoder(Event[Raw])


class Log:
    """The log as history's functions use it. It records each event once, and returns the events of an order."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = now) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._hours: set[str] = set()
        self._opening = Lock()

    def record(self, event: Event[str]) -> None:
        """Store an event unless it is stored: the same fact has the same id, however often it is delivered.

        Args:
            event: The event. Its data is the whole message as it was published.
        """
        recorded = to_rfc3339(self._clock())
        self._open(hour_of(recorded))
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": event.subject},
                    "id": {"S": event.id},
                    "event": {"S": event.data},
                    "recorded": {"S": recorded},
                    **{name: {"S": value} for name, value in log_entry(event, recorded).items()},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )

    def events(self, order: str) -> Iterator[Event[Raw]]:
        """Iterate over an order's events of all services, unsorted. Their data is as it was published.

        An item that holds no event is logged and left out.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": order}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                try:
                    event = _decoder.decode(item["event"]["S"])
                except (LookupError, ValueError, RecursionError) as error:
                    # The error's text is omitted, because it may contain the event's data.
                    fields = {"event_id": item["id"]["S"], "error": type(error).__name__}
                    logger.error("a recorded event cannot be read", extra=fields)
                    continue
                yield event

    def _open(self, hour: str) -> None:
        """Store an hour's number of shards before its first event, once for each process and hour.

        If processes disagree, as during a deployment, the hour keeps the highest number.
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
