"""The log executor: records every event as it came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tidings.core.event import Event
from tidings.handling.executor import Handle


@dataclass(frozen=True)
class LogExecutor:
    """The executor of a log's events.

    Attributes:
        record: Records one event once, however often it is delivered. The event's data is the whole message.
    """

    record: Callable[[Event[str]], None]

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Do nothing: each event is recorded by itself."""

    def open_entity(self, _key: str) -> Handle:
        """Return the function that records an entity's events."""
        return lambda event, _deadline: self.record(event)
