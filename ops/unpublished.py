"""The events of a service that its relay has not published yet, by comparing its outboxes with the event log."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice

import msgspec

from tidings.core.entity import OutboxEvent
from tidings.recovery import OutboxTable, SearchableLog, wait_until
from tidings.recovery.republish import TimedHead

STREAM_SECONDS = 25 * 60 * 60
"""Seconds after which no event can still be in a table's stream, which keeps records for a day (Amazon DynamoDB
Developer Guide, "Change data capture for DynamoDB Streams"), and one hour for two clocks that differ."""

RELAY_SECONDS = 15 * 60
"""Maximum time to wait until the last events are published and recorded."""

MAX_NAMED = 5
"""Maximum number of events that an error names."""

LOOKED_UP = 1_000
"""Number of events that are looked up in the log together."""

_decoder = msgspec.json.Decoder(TimedHead)


def unpublished_events(table: OutboxTable, log: SearchableLog, since: str) -> list[TimedHead]:
    """Return the announced events that the log lacks, of those that a stream may still hold.

    Args:
        table: The service's table.
        log: The event log.
        since: The time (RFC 3339) that no event in the stream precedes.
    """
    recent = (head for page in table.outboxes() for head in heads_of(page) if head.time >= since)
    return lacking(recent, log)


def lacking(heads: Iterable[TimedHead], log: SearchableLog) -> list[TimedHead]:
    """Return the events that the log lacks."""
    rest, missing = iter(heads), list[TimedHead]()
    while chunk := list(islice(rest, LOOKED_UP)):
        recorded = log.find(chunk)
        missing += [head for head in chunk if head.id not in recorded]
    return missing


def wait_until_recorded(heads: Iterable[TimedHead], log: SearchableLog) -> list[TimedHead]:
    """Wait until the log has events. Return those that it still lacks when the time to wait has ended."""
    left = lacking(heads, log)

    def none_left() -> bool:
        left[:] = lacking(left, log)
        return not left

    with suppress(TimeoutError):
        wait_until(none_left, RELAY_SECONDS, "the last events", every=1)
    return left


def names_of(events: Sequence[TimedHead]) -> str:
    """Return the ids of events for an error: the first ones, and the number of the others."""
    more = f" and {len(events) - MAX_NAMED:,} more" if len(events) > MAX_NAMED else ""
    return ", ".join(event.id for event in events[:MAX_NAMED]) + more


def heads_of(events: Sequence[OutboxEvent]) -> Iterable[TimedHead]:
    """Yield the heads of events. A text that is none was never published, and is in the relay's dead-letter queue."""
    for event in events:
        with suppress(ValueError, RecursionError):
            yield _decoder.decode(event.body)
