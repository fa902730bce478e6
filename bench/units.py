"""DynamoDB's units, by formula: what an item's size is, and what reading and writing it costs.

Sizes are those of the Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats". A write of the table is
charged for the larger of the item before and after it, a transactional one twice ("DynamoDB Transactions: How it
works"); what an index costs is said in "Using Global Secondary Indexes in DynamoDB", "Write considerations". An index
is written after the transaction, and so once.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench.shop import Attributes, Index, Schema, Write

WRITE_BYTES = 1024
READ_BYTES = 4096


def size(item: Attributes | None) -> int:
    """An item's bytes; none where there is no item."""
    return sum(len(name.encode()) + _value_size(value) for name, value in (item or {}).items())


def write_units(write: Write, schema: Schema) -> int:
    """The units of a write, its indexes included; a failed condition costs what the item found there would."""
    units = put_units(write.before, write.after)
    if write.failed:
        return units * (1 + write.transactional)
    return units * (1 + write.transactional) + index_units(write, schema)


def put_units(before: Attributes | None, after: Attributes | None) -> int:
    """The units of one plain write of an item."""
    return max(1, math.ceil(max(size(before), size(after)) / WRITE_BYTES))


def index_units(write: Write, schema: Schema) -> int:
    """The units that a write of the table costs in its indexes."""
    return sum(_index_units(index, write.before, write.after) for index in schema.indexes)


def read_units(found: Iterable[Attributes], keys: int) -> int:
    """The units of consistently reading so many keys, of which these items were found."""
    units = [max(1, math.ceil(size(item) / READ_BYTES)) for item in found]
    return sum(units) + keys - len(units)


def _index_units(index: Index, before: Attributes | None, after: Attributes | None) -> int:
    old, new = _entry(index, before), _entry(index, after)
    if old == new:
        return 0
    if old and new and all(old[name] == new[name] for name in index.key):
        return put_units(old, new)
    return sum(put_units(None, entry) for entry in (old, new) if entry)


def _entry(index: Index, item: Attributes | None) -> Attributes | None:
    """What stands in an index of an item: nothing where it lacks an attribute of the index's key."""
    if item is None or not all(name in item for name in index.key):
        return None
    return {name: value for name, value in item.items() if index.holds is None or name in index.holds}


def _value_size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(content)
        case "SS":
            return 3 + sum(1 + len(text.encode()) for text in content)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in content.items())
        case "BOOL":
            return 1
    raise ValueError(f"no item of the shop holds a {kind}")


def _number_size(text: str) -> int:
    """A byte for each two significant digits, and one more; another where it is negative."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")
