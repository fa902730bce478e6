"""The tables of recovery on Amazon DynamoDB: a service's outboxes, and a projection that is rebuilt."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tidings.aws.dynamodb import REBUILDING, Attributes, outbox_of
from tidings.aws.recovery.refusals import reporting
from tidings.core.entity import OutboxEvent
from tidings.recovery.ports import EntityOutbox, OutboxPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import ScanInputTableScanTypeDef, ScanInputTypeDef

SEGMENTS = 4
"""Number of segments of a table that are scanned in parallel."""

PAGE_ITEMS = 1_000
"""Maximum number of items that one request examines, so that pages read ahead stay small."""


@dataclass(frozen=True)
class DynamoOutboxTable:
    """A service's table, as the source of the events that it announced.

    Attributes:
        client: The client.
        name: The table's name.
        threads: Reads the table's segments in parallel.
    """

    client: "DynamoDBClient"
    name: str
    threads: Executor

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        """Return an entity's announced events, oldest first, by one consistent Query."""
        with reporting(f"{self.name} cannot be read"):
            answer = self.client.query(
                TableName=self.name,
                KeyConditionExpression="pk = :key",
                ExpressionAttributeValues={":key": {"S": key}},
                ConsistentRead=True,
            )
        return [event for item in answer["Items"] for event in _outbox(item)]

    def outboxes(self) -> Iterator[Sequence[OutboxEvent]]:
        """Iterate over all announced events by Scans. Each segment's next page is read while one is in use."""
        reads: dict[Future[OutboxPage], int] = {
            self.threads.submit(self.read_page, segment, SEGMENTS, "", PAGE_ITEMS): segment
            for segment in range(SEGMENTS)
        }
        while reads:
            finished, _ = wait(reads, return_when=FIRST_COMPLETED)
            for future in finished:
                segment, page = reads.pop(future), future.result()
                if page.position:
                    following = self.threads.submit(self.read_page, segment, SEGMENTS, page.position, PAGE_ITEMS)
                    reads[following] = segment
                yield [event for outbox in page.outboxes for event in outbox.events]

    def read_page(self, segment: int, segments: int, after: str, most: int) -> OutboxPage:
        """Return the next page of a segment by one consistent Scan. A position is the key of the last item as JSON."""
        request: ScanInputTypeDef = {
            "TableName": self.name,
            "Segment": segment,
            "TotalSegments": segments,
            "FilterExpression": "attribute_exists(#outbox)",
            "ProjectionExpression": "pk, #outbox",
            "ExpressionAttributeNames": {"#outbox": "outbox"},
            "ConsistentRead": True,
            "Limit": most,
        }
        if after:
            request["ExclusiveStartKey"] = msgspec.json.decode(after)
        with reporting(f"{self.name} cannot be read"):
            answer = self.client.scan(**request)
        last = answer.get("LastEvaluatedKey")
        return OutboxPage(
            outboxes=[EntityOutbox(item["pk"]["S"], _outbox(item)) for item in answer["Items"]],
            items=answer["ScannedCount"],
            position=msgspec.json.encode(last).decode() if last else "",
        )


def _outbox(item: Attributes) -> Sequence[OutboxEvent]:
    """Return an item's announced events; for an outbox that cannot be read, one event that is none."""
    try:
        return [OutboxEvent(body) for body in outbox_of(item)]
    except (LookupError, TypeError, AttributeError):
        return [OutboxEvent("")]


@dataclass(frozen=True)
class DynamoProjectionTable:
    """A projection's table, as it is rebuilt."""

    table: "Table"

    def mark_rebuilding(self) -> None:
        """Put the item that marks the projection as incomplete; see `is_rebuilding`."""
        self.table.put_item(Item=dict.fromkeys(self._key(), REBUILDING))

    def clear(self) -> None:
        """Delete every item except the mark."""
        names = {f"#{n}": name for n, name in enumerate(self._key())}
        request: ScanInputTableScanTypeDef = {
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "ConsistentRead": True,
        }
        with self.table.batch_writer() as batch:
            while True:
                page = self.table.scan(**request)
                for key in page["Items"]:
                    if key["pk"] != REBUILDING:
                        batch.delete_item(Key=key)
                if "LastEvaluatedKey" not in page:
                    return
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def unmark_rebuilding(self) -> None:
        """Delete the item that marks the projection as incomplete."""
        self.table.delete_item(Key=dict.fromkeys(self._key(), REBUILDING))

    def _key(self) -> list[str]:
        return [part["AttributeName"] for part in self.table.key_schema]
