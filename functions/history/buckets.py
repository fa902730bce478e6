"""The log by the time it was recorded: each hour's events lie in several buckets, so that no partition takes them all.

A bucket is an hour and a shard, `2026-11-22T01#3`; an order's events of one hour are in one shard. How many shards an
hour has is kept with the hour, so that `SHARDS` may change at any time: what is recorded already is found where it is.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidings.events import Event

SHARDS = 8
"""Shards of the hours to come. A partition takes 1,000 write units a second (Amazon DynamoDB Developer Guide,
"Best practices for designing and using partition keys effectively"), which is some 500 events of 2 KB."""

BUCKET, MOMENT = "bucket", "moment"
"""The index's keys."""

HOURS = "hours"
"""The partition of the table's own that lists the hours in which something was recorded, each with its shards."""


@dataclass(frozen=True)
class Recording:
    """An event, and the time it was recorded (RFC 3339 with milliseconds)."""

    event: Event[Any]
    recorded: str


def hour_of(recorded: str) -> str:
    """The hour of a time: `2026-11-22T01`. What begins like a time will do."""
    return recorded[:13]


def shard_of(order: str, shards: int) -> int:
    """The shard of an order's events, the same in every process."""
    return zlib.crc32(order.encode()) % shards


def bucket(hour: str, shard: int) -> str:
    """The index's partition key."""
    return f"{hour}#{shard}"


def buckets(hour: str, shards: int) -> Iterator[str]:
    """All of an hour's buckets."""
    return (bucket(hour, shard) for shard in range(shards))


def moment(recorded: str, event_id: str) -> str:
    """The index's sort key, unique in the log: a bare time sorts before all that was recorded at it."""
    return f"{recorded}/{event_id}"


def entry(recording: Recording) -> dict[str, str]:
    """The attributes by which an event is found by the time it was recorded."""
    event, recorded = recording.event, recording.recorded
    return {
        BUCKET: bucket(hour_of(recorded), shard_of(event.subject, SHARDS)),
        MOMENT: moment(recorded, event.id),
    }
