"""DynamoDB's tables, as far as reactions use them: items by key, written under a condition, a stream of the writes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from functions.inventory.reactions import stock_key
from functions.inventory.stock import Level
from tidings.decisions import Adjust, Refused
from tidings.item import Attributes
from tidings.table import MAX_ACTIONS, LostError, RefusedError, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Watch = Callable[[str, Attributes | None, Attributes], None]
"""Is told of each write: the item's key, what it was, and what it is."""


class Writes(Protocol):
    """What takes the images of a table's writes."""

    def append(self, key: str, old: Attributes | None, new: Attributes) -> None:
        """Adds one write."""


class MemoryTable:
    """A table with the key `pk`. Its items are never changed in place, and so are given out as they are."""

    def __init__(self, stream: Writes | None = None, watch: Watch | None = None) -> None:
        self.items: dict[str, Attributes] = {}
        self._stream = stream
        self._watch = watch

    def get(self, key: str) -> Attributes | None:
        return self.items.get(key)

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        keys = {*(write.order for write in writes), *(adjust.key for adjust in adjusts)}
        if not len(writes) + len(adjusts) == len(keys) <= MAX_ACTIONS:
            raise ValueError("ValidationException: too many items, or one of them twice")
        if lost := {write.order: self.items.get(write.order) for write in writes if self._is_lost(write)}:
            raise LostError(lost)
        self._adjust(adjusts)
        for write in writes:
            self.put(write.order, write.item)

    def number(self, key: str, name: str) -> int:
        return int(self.items.get(key, {}).get(name, {"N": "0"})["N"])

    def _is_lost(self, write: Write) -> bool:
        found = self.items.get(write.order)
        return (int(found["version"]["N"]) if found else 0) != write.expected

    def _adjust(self, adjusts: Sequence[Adjust]) -> None:
        if refused := tuple((adjust, self.items.get(adjust.key)) for adjust in adjusts if not self._allows(adjust)):
            raise RefusedError(Refused(refused))
        for adjust in adjusts:
            sums: dict[str, AttributeValueTypeDef] = {
                name: {"N": str(self.number(adjust.key, name) + by)} for name, by in adjust.add.items()
            }
            self.put(adjust.key, {"pk": {"S": adjust.key}, **self.items.get(adjust.key, {}), **sums})

    def _allows(self, adjust: Adjust) -> bool:
        found = self.items.get(adjust.key, {})
        return all(name in found and self.number(adjust.key, name) >= least for name, least in adjust.at_least.items())

    def put(self, key: str, item: Attributes) -> None:
        found = self.items.get(key)
        self.items[key] = item
        if self._stream:
            self._stream.append(key, found, item)
        if self._watch:
            self._watch(key, found, item)


class MemoryStock:
    """The stock of products in inventory's table, as `functions.inventory.stock.Stock` reads and sets it."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def read(self, sku: str) -> Level | None:
        key = stock_key(sku)
        if key not in self._table.items:
            return None
        return Level(self._table.number(key, "available"), self._table.number(key, "reserved"))

    def set_on_hand(self, sku: str, on_hand: int) -> Level | None:
        found = self.read(sku)
        reserved = found.reserved if found else 0
        if reserved > on_hand:
            return None
        key = stock_key(sku)
        level = Level(on_hand - reserved, reserved)
        item: Attributes = {
            "pk": {"S": key},
            "available": {"N": str(level.available)},
            "reserved": {"N": str(level.reserved)},
        }
        self._table.put(key, item)
        return level
