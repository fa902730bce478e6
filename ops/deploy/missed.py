"""The events that a subscription may have missed, and the record of their replays.

A changed filter policy takes effect within fifteen minutes. Until then the topic may drop events that the subscription
should receive, and the event log has them. A service handles each event once, so a replay too many does no harm.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidings.core.clock import to_rfc3339

RECENT = 24 * 60 * 60 * 1000
"""Milliseconds for which a change counts as recent. A deployment that broke off is repeated before."""

MARGIN = 60 * 1000
"""Milliseconds by which CloudFormation may report a change later than the topic knew of it."""


class Missed(NamedTuple):
    """The events that a consumer may have missed.

    Attributes:
        consumer: The service.
        changed: When its subscription changed, in milliseconds since 1970.
    """

    consumer: str
    changed: int

    @property
    def start(self) -> str:
        """The time (RFC 3339) from which on events may be missing."""
        return to_rfc3339(self.changed - MARGIN)


def missed_events(
    changed: Mapping[str, int], replayed: Mapping[str, int], replayable: Collection[str], now: int
) -> list[Missed]:
    """Return the consumers that may have missed events, by the time of the change.

    Args:
        changed: When each consumer's subscription changed, in milliseconds since 1970.
        replayed: The changes after which the events were replayed already.
        replayable: The services to which events can be replayed.
        now: The current time in milliseconds since 1970.
    """
    found = [
        Missed(consumer, at)
        for consumer, at in changed.items()
        if consumer in replayable and now - at < RECENT and replayed.get(consumer) != at
    ]
    return sorted(found, key=lambda each: (each.changed, each.consumer))


class ReplayRecord:
    """The file with the changes of a stage after which the missed events were replayed.

    Without it, as on another machine, the events of recent changes are replayed again.
    """

    def __init__(self, directory: Path, stage: str) -> None:
        self._path = directory / f"deployed-{stage}.json"

    def load(self) -> dict[str, int]:
        """Return the time of the last such change by consumer; nothing if the file does not exist or is damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

    def add(self, missed: Missed) -> None:
        """Record that a consumer's missed events were replayed."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self.load() | {missed.consumer: missed.changed}))
        new.replace(self._path)
