"""The index of a service's pending entities, which contains no other entity."""

import zlib
from collections.abc import Callable
from typing import Any

from tidings.core.entity import Entity
from tidings.core.service import Index

SHARD, SINCE = "pending", "since"
"""The keys of the index `pending`: the shard, and the time since which the entity is pending.

The shard's attribute has the name of its index.
"""

SHARDS = 4
"""Shards of the index.

An entity costs its shard's partition two write units, one to enter and one to leave, of 1,000 a second (Amazon DynamoDB
Developer Guide, "Best practices for designing and using partition keys effectively"), so four shards take 2,000
entities a second. Shards may be added at any time; entities in a removed shard are not found.
"""


def pending_index(since: Callable[[Entity[Any]], str], name: str = SHARD) -> Index:
    """Return an index of the pending entities, whose entries contain keys only.

    A service may have several under different names. An entity is in one of them at a time.

    Args:
        since: Returns the time since which an entity is pending, as `to_rfc3339` formats it; "" if it is not pending.
            It should stay the same while the entity is pending, because each change of it is two more writes.
        name: The index's name.

    Example:
        ```python
        service = Service(name="assignment", state=Assignment, indexes=(pending_index(handlers.unassigned_since),))
        ```
    """

    def attributes(entity: Entity[Any]) -> dict[str, str]:
        time = since(entity)
        return {name: str(zlib.crc32(entity.key.encode()) % SHARDS), SINCE: time} if time else {}

    return Index(name=name, partition=name, sort=SINCE, of=attributes)
