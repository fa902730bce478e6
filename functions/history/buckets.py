"""The log's index by the time recorded: each hour's events are in several buckets, so that no partition takes them all.

A bucket is an hour and a shard, `2026-11-22T01#3`; an order's events of one hour are in one shard. The number of an
hour's shards is stored with the hour, so `SHARDS` may change at any time: events recorded before are still found.
"""

import zlib
from collections.abc import Iterator
from typing import Any

from tidings.core.entity import reserved_key
from tidings.core.event import Event

SHARDS = 8
"""Number of shards of a new hour. A partition takes 1,000 write units a second (Amazon DynamoDB Developer Guide,
"Best practices for designing and using partition keys effectively"), which is about 500 events of 2 KB."""

BUCKET, POSITION = "bucket", "position"
"""The index's keys."""

HOURS = reserved_key("hours")
"""The partition that lists the hours in which an event was recorded, each with its number of shards."""


def hour_of(recorded: str) -> str:
    """Return the hour of a time or a position: `2026-11-22T01`."""
    return recorded[:13]


def shard_of(order: str, shards: int) -> int:
    """Return the shard of an order's events, which is the same in every process."""
    return zlib.crc32(order.encode()) % shards


def bucket(hour: str, shard: int) -> str:
    """Return the index's partition key."""
    return f"{hour}#{shard}"


def buckets(hour: str, shards: int) -> Iterator[str]:
    """Return all buckets of an hour."""
    return (bucket(hour, shard) for shard in range(shards))


def log_position(recorded: str, event_id: str) -> str:
    """Return the index's sort key, unique in the log. A bare time sorts before all events recorded at that time."""
    return f"{recorded}/{event_id}"


def log_entry(event: Event[Any], recorded: str) -> dict[str, str]:
    """Return the attributes by which an event is in the index.

    Args:
        event: The event.
        recorded: The time recorded (RFC 3339 with milliseconds).
    """
    return {
        BUCKET: bucket(hour_of(recorded), shard_of(event.subject, SHARDS)),
        POSITION: log_position(recorded, event.id),
    }
