"""History's event log over a table in memory, and an operator's reading of it."""

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from functions.history.buckets import POSITION
from functions.history.log import HAS_PERSONAL, PERSONAL_ITEM, Log
from tidings.core.clock import Clock
from tidings.core.entity import RESERVED, EventHead
from tidings.core.event import decode
from tidings.core.personal import with_personal
from tidings.recovery.ports import LoggedEvent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Mapping[str, Any]]
FAILED = "ConditionalCheckFailed"


class ConditionalCheckFailedError(Exception):
    """A condition did not hold. The response has the item that is stored."""

    def __init__(self, item: Item) -> None:
        super().__init__(FAILED)
        self.response = {"Item": item}


class TransactionCanceledError(Exception):
    """The condition of one of a transaction's writes did not hold. The response says of which, with its stored item."""

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(FAILED)
        self.response = {"CancellationReasons": reasons}


class MemoryLogTable:
    """The part of DynamoDB's client by which `functions.history.log.Log` records events, over a table in memory.

    Attributes:
        items: The items by key.
        exceptions: The errors that the client raises.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.exceptions = SimpleNamespace(
            ConditionalCheckFailedException=ConditionalCheckFailedError,
            TransactionCanceledException=TransactionCanceledError,
        )

    def put_item(self, **put: Any) -> None:
        """Put an item."""
        if not self._holds(put, put["Item"]):
            raise ConditionalCheckFailedError(self.items[_key(put["Item"])])
        self._write(put)

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - boto3's name
        """Put or update items, all of them or none."""
        writes = [next(iter(item.values())) for item in TransactItems]
        keys = [write.get("Item") or write["Key"] for write in writes]
        holds = [self._holds(write, key) for write, key in zip(writes, keys, strict=True)]
        if not all(holds):
            reasons = [
                {"Code": "None"} if each else {"Code": FAILED, "Item": self.items[_key(key)]}
                for each, key in zip(holds, keys, strict=True)
            ]
            raise TransactionCanceledError(reasons)
        for write in writes:
            self._write(write)

    def _holds(self, write: Mapping[str, Any], key: Item) -> bool:
        """Return whether a write's condition holds, which is that one attribute does not exist."""
        condition = write.get("ConditionExpression", "")
        name = condition.partition("(")[2].partition(")")[0]
        return write.get("ExpressionAttributeNames", {}).get(name, name) not in self.items.get(_key(key), {})

    def _write(self, write: Mapping[str, Any]) -> None:
        if "Item" in write:
            self.items[_key(write["Item"])] = write["Item"]
            return
        # SET of one attribute.
        name, value = write["UpdateExpression"].removeprefix("SET ").split(" = ")
        change = {write["ExpressionAttributeNames"][name]: write["ExpressionAttributeValues"][value]}
        self.items[_key(write["Key"])] = {**self.items.get(_key(write["Key"]), write["Key"]), **change}


class MemoryLog:
    """The log. It implements `tidings.recovery.SearchableLog`.

    Attributes:
        table: Its table.
        record: Records an event.
    """

    def __init__(self, clock: Clock) -> None:
        self.table = MemoryLogTable()
        self.record = Log(cast("DynamoDBClient", self.table), "history", clock).record

    @property
    def events(self) -> dict[str, str]:
        """The recorded events by id, each with the personal data that is still there."""
        return {name: body for name, _, body in self._bodies()}

    def texts(self) -> Iterator[str]:
        """Iterate over all texts in the table."""
        for item in self.table.items.values():
            yield from (str(value) for attribute in item.values() for value in attribute.values())

    def read(self, start: str, end: str) -> Iterator[LoggedEvent]:
        found = (logged for logged in self._logged() if start <= logged.position < end)
        return iter(sorted(found, key=lambda logged: logged.position))

    def read_entity(self, subject: str) -> Sequence[LoggedEvent]:
        return sorted(self._logged(subject), key=lambda logged: (logged.event.time, logged.event.id))

    def find(self, heads: Sequence[EventHead]) -> Mapping[str, str]:
        items = {head.id: self.table.items.get((head.subject, head.id)) for head in heads}
        return {name: item["event"]["S"] for name, item in items.items() if item}

    def beginning(self) -> str | None:
        return min((logged.position for logged in self._logged()), default=None)

    def _logged(self, subject: str | None = None) -> Iterator[LoggedEvent]:
        return (LoggedEvent(position, body, decode(body)) for _, position, body in self._bodies(subject))

    def _bodies(self, subject: str | None = None) -> Iterator[tuple[str, str, str]]:
        """Iterate over the id, the position and the text of each recorded event, or of those of one subject."""
        for (order, name), item in self.table.items.items():
            if order.startswith(RESERVED) or name == PERSONAL_ITEM or subject not in (None, order):
                continue
            body = item["event"]["S"]
            if HAS_PERSONAL in item and (personal := self.table.items[order, PERSONAL_ITEM].get(name)):
                body = with_personal(body, personal["S"])
            yield name, item[POSITION]["S"], body


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["id"]["S"]
