"""DynamoDB's capacity units, by formula: the size of an item, and the cost of reading and writing it.

The sources are chapters of the Amazon DynamoDB Developer Guide. Sizes follow "DynamoDB item sizes and formats". A write
costs the larger of the item before and after it, and a transactional write twice that ("DynamoDB Transactions: How it
works"). Indexes follow "Using Global Secondary Indexes in DynamoDB", "Write considerations"; an index is written after
the transaction, so it costs once.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench.shop import Attributes, Index, RecordedWrite, Schema

WRITE_BYTES = 1024
READ_BYTES = 4096


def size(item: Attributes | None) -> int:
    """Return an item's size in bytes; 0 if there is no item."""
    return sum(len(name.encode()) + _value_size(value) for name, value in (item or {}).items())


def write_units(write: RecordedWrite, schema: Schema) -> int:
    """Return the units of a write with its indexes. A failed condition costs as much as writing the item found."""
    units = put_units(write.before, write.after)
    if write.failed:
        return units * (1 + write.transactional)
    return units * (1 + write.transactional) + index_units(write, schema)


def put_units(before: Attributes | None, after: Attributes | None) -> int:
    """Return the units of one write of an item outside a transaction."""
    return max(1, math.ceil(max(size(before), size(after)) / WRITE_BYTES))


def index_units(write: RecordedWrite, schema: Schema) -> int:
    """Return the units that a write costs in the table's indexes."""
    return sum(_index_units(index, write.before, write.after) for index in schema.indexes)


def read_units(found: Iterable[Attributes], keys: int) -> int:
    """Return the units of a consistent read of a number of keys, of which these items were found."""
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
    """Return an item's entry in an index; None if it lacks an attribute of the index's key."""
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
    raise ValueError(f"the size of the type {kind} is not implemented")


def _number_size(text: str) -> int:
    """Return a byte for each two significant digits, one more, and another for a negative sign."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")
