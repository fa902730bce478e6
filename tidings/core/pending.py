"""The index of a service's pending entities, which contains no other entity."""

import zlib
from collections.abc import Callable
from typing import Any

from tidings.core.entity import Entity
from tidings.core.service import Index

SHARD, SINCE = "pending", "since"
"""The index's keys: the shard, and the time since which the entity is pending."""

SHARDS = 4
"""Shards of the index.

An entity costs its shard's partition two write units, one to enter and one to leave, of 1,000 a second (Amazon DynamoDB
Developer Guide, "Best practices for designing and using partition keys effectively"), so four shards take 2,000
entities a second. Shards may be added at any time; entities in a removed shard are not found.
"""


def pending_index(since: Callable[[Entity[Any]], str], name: str = "pending") -> Index:
    """Return an index of the pending entities. A service has one at most, whose entries contain keys only.

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
        return {SHARD: str(zlib.crc32(entity.key.encode()) % SHARDS), SINCE: time} if time else {}

    return Index(name=name, partition=SHARD, sort=SINCE, of=attributes)
