"""The log of all events in history's table: an item for each event, by its subject and its id.

The personal data of an order's events is in one further item of the order, apart from the events. It is written with
the event, in one transaction, while the order is not erased. The rest of an event is kept as it was published.
"""

from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UNSET, Raw

from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.product import is_product_month, sku_of
from functions.history.buckets import HOURS, SHARDS, hour_of, log_entry
from tidings.core.clock import Clock, now, to_rfc3339
from tidings.core.entity import reserved_key
from tidings.core.event import Event
from tidings.core.personal import redacted
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

_decoder = msgspec.json.Decoder(Event[Raw])

PERSONAL_ITEM = reserved_key("personal")
"""The sort key of the item with the personal data of an order's events: an attribute for each event, by its id."""

ERASED = reserved_key("erased")
"""The attribute by which that item says that the data was erased."""

HAS_PERSONAL = "personal"
"""The attribute of an event's item that says that its personal data was recorded."""

ERASURES = {PersonalDataErased.__name__}
"""The types of the events that have personal data erased."""

MAX_MONTHS = 12
"""Maximum number of months of a product that are listed at once."""


def months_key(sku: str) -> str:
    """Return the partition that lists a product's months with a recorded event."""
    return reserved_key("months", sku)


class Log:
    """The log as history's functions use it. It records each event once, and returns the events of an order."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = now) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._hours: set[str] = set()
        self._months: set[str] = set()
        self._opening = Lock()

    def record(self, event: Event[str]) -> None:
        """Store an event unless it is stored: the same fact has the same id, however often it is delivered.

        Args:
            event: The event. Its data is the whole message as it was published.
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
        }
        if event.type in ERASURES:
            self._record_erasure(put)
        elif event.personal is not UNSET:
            self._record_personal(event, event.personal, put)
        else:
            self._put(put)

    def _put(self, put: "PutTypeDef") -> None:
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(**put)

    def _record_personal(self, event: Event[str], personal: str, put: "PutTypeDef") -> None:
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
        if self._transact([{"Put": marked}, {"Update": keep}]) == "refused":
            self._put(put)

    def _record_erasure(self, put: "PutTypeDef") -> None:
        """Record an event that has an order's personal data erased, and delete that data, in one transaction."""
        order = put["Item"]["pk"]
        erased: PutTypeDef = {
            "TableName": self._table,
            "Item": {"pk": order, "id": {"S": PERSONAL_ITEM}, ERASED: {"BOOL": True}},
        }
        self._transact([{"Put": put}, {"Put": erased}])

    def _transact(self, items: "list[TransactWriteItemTypeDef]") -> Literal["written", "known", "refused"]:
        """Write an event and another item. Return whether the event was known, or the other item's condition failed."""
        try:
            self._client.transact_write_items(TransactItems=items)
        except self._client.exceptions.TransactionCanceledException as error:
            event, other = (reason.get("Code") for reason in error.response["CancellationReasons"])
            if event == "ConditionalCheckFailed":
                return "known"
            if other == "ConditionalCheckFailed":
                return "refused"
            raise
        return "written"

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
