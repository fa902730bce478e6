"""The log of all events in history's table: an item for each event, by its subject and its id.

The personal data of an order's events is in one further item of the order, apart from the events. It is written with
the event, in one transaction, while the order is not erased. The rest of an event is kept as it was published.

An id names one fact. An event that arrives under a recorded id with another body is refused and never overwrites.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from msgspec import UNSET, Raw

from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.product import is_product_month, sku_of
from functions.history.buckets import HOURS, SHARDS, hour_of, log_entry
from tidings.core.clock import Clock, now, to_rfc3339
from tidings.core.entity import reserved_key
from tidings.core.errors import PermanentError
from tidings.core.event import Event, is_same_event
from tidings.core.personal import redacted
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

    Item = Mapping[str, AttributeValueTypeDef]

_decoder = msgspec.json.Decoder(Event[Raw])

PERSONAL_ITEM = reserved_key("personal")
"""The sort key of the item with the personal data of an order's events: an attribute for each event, by its id."""

ERASED = reserved_key("erased")
"""The attribute by which that item says that the data was erased."""

HAS_PERSONAL = "personal"
"""The attribute of an event's item that says that its personal data was recorded."""

ERASURES = {PersonalDataErased.__name__}
"""The types of the events that have personal data erased."""

CONFLICTING = "conflicting-body"
"""The reason for which an event is dead-lettered whose id is recorded with another body."""

CONFLICTS = "ConflictingBodies"
"""The metric of these events."""

MAX_MONTHS = 12
"""Maximum number of months of a product that are listed at once."""


def months_key(sku: str) -> str:
    """Return the partition that lists a product's months with a recorded event."""
    return reserved_key("months", sku)


class _Outcome(NamedTuple):
    """The outcome of a write: the item that was recorded before, and whether the other item's condition failed."""

    known: "Item | None" = None
    refused: bool = False


class Log:
    """The log as history's functions use it. It records each event once, and returns the events of an order."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        clock: Clock = now,
        count: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        """Create the log.

        Args:
            client: The client.
            table: The name of history's table.
            clock: The current time.
            count: Receives the number of events whose id is recorded with another body, as `ConflictingBodies`.
        """
        self._client = client
        self._table = table
        self._clock = clock
        self._count = count
        self._hours: set[str] = set()
        self._months: set[str] = set()
        self._opening = Lock()

    def record(self, event: Event[str]) -> None:
        """Store an event unless it is stored: the same fact has the same id, however often it is delivered.

        Args:
            event: The event. Its data is the whole message as it was published.

        Raises:
            PermanentError: If another body is stored under its id (`conflicting-body`). Personal data is not compared.
        """
        recorded = to_rfc3339(self._clock())
        self._open(hour_of(recorded))
        if is_product_month(event.subject):
            self._list_month(event.subject)
        put: PutTypeDef = {
            "TableName": self._table,
            "Item": {
                "pk": {"S": event.subject},
                "id": {"S": event.id},
                "event": {"S": event.data},
                "recorded": {"S": recorded},
                **{name: {"S": value} for name, value in log_entry(event, recorded).items()},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if event.type in ERASURES:
            known = self._record_erasure(put)
        elif event.personal is not UNSET:
            known = self._record_personal(event, event.personal, put)
        else:
            known = self._put(put)
        if known is not None and not is_same_event(known.get("event", {}).get("S", ""), event.data):
            self._count({CONFLICTS: 1})
            raise PermanentError(CONFLICTING, f"{event.id} is recorded with another body", event)

    def _put(self, put: "PutTypeDef") -> "Item | None":
        """Record an event. Return the item that was recorded before, if there is one."""
        try:
            self._client.put_item(**put)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            # The client's types do not declare this member.
            return cast("Item", cast("Mapping[str, Any]", error.response)["Item"])
        return None

    def _record_personal(self, event: Event[str], personal: str, put: "PutTypeDef") -> "Item | None":
        """Record an event without its personal data, and that data apart from it if the order is not erased."""
        put["Item"] = {**put["Item"], "event": {"S": redacted(event.data)}}
        keep: UpdateTypeDef = {
            "TableName": self._table,
            "Key": {"pk": {"S": event.subject}, "id": {"S": PERSONAL_ITEM}},
            "UpdateExpression": "SET #event = :personal",
            "ConditionExpression": "attribute_not_exists(#erased)",
            "ExpressionAttributeNames": {"#event": event.id, "#erased": ERASED},
            "ExpressionAttributeValues": {":personal": {"S": personal}},
        }
        marked: PutTypeDef = {**put, "Item": {**put["Item"], HAS_PERSONAL: {"BOOL": True}}}
        outcome = self._transact([{"Put": marked}, {"Update": keep}])
        return self._put(put) if outcome.refused else outcome.known

    def _record_erasure(self, put: "PutTypeDef") -> "Item | None":
        """Record an event that has an order's personal data erased, and delete that data, in one transaction."""
        order = put["Item"]["pk"]
        erased: PutTypeDef = {
            "TableName": self._table,
            "Item": {"pk": order, "id": {"S": PERSONAL_ITEM}, ERASED: {"BOOL": True}},
        }
        return self._transact([{"Put": put}, {"Put": erased}]).known

    def _transact(self, items: "list[TransactWriteItemTypeDef]") -> _Outcome:
        """Write an event and another item. Return whether the event was known, or the other item's condition failed."""
        try:
            self._client.transact_write_items(TransactItems=items)
        except self._client.exceptions.TransactionCanceledException as error:
            event, other = error.response["CancellationReasons"]
            if event.get("Code") == "ConditionalCheckFailed":
                return _Outcome(known=cast("Item", event["Item"]))
            if other.get("Code") == "ConditionalCheckFailed":
                return _Outcome(refused=True)
            raise
        return _Outcome()

    def events(self, subject: str) -> Iterator[Event[Raw]]:
        """Iterate over a subject's events of all services, unsorted. Their data is as it was published.

        They are without personal data. An item that holds no event is logged and left out.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :subject",
            ExpressionAttributeValues={":subject": {"S": subject}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                if item["id"]["S"] == PERSONAL_ITEM:
                    continue
                try:
                    event = _decoder.decode(item["event"]["S"])
                except (LookupError, ValueError, RecursionError) as error:
                    # The error's text is omitted, because it may contain the event's data.
                    fields = {"event_id": item["id"]["S"], "error": type(error).__name__}
                    logger.error("a recorded event cannot be read", extra=fields)
                    continue
                yield event

    def months(self, sku: str, before: str) -> tuple[str, ...]:
        """Return the subjects of a product's months with a recorded event, latest first, `MAX_MONTHS` at most.

        Args:
            sku: The product's SKU.
            before: A text that all of these subjects sort before.
        """
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :months AND id < :before",
            ExpressionAttributeValues={":months": {"S": months_key(sku)}, ":before": {"S": before}},
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=MAX_MONTHS,
        )
        return tuple(item["id"]["S"] for item in answer["Items"])

    def _list_month(self, month: str) -> None:
        """List a product's month before its first event, once for each process."""
        if month not in self._months:
            self._client.put_item(
                TableName=self._table, Item={"pk": {"S": months_key(sku_of(month))}, "id": {"S": month}}
            )
            self._months.add(month)

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
