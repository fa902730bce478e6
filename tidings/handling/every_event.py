"""The executor of services that receive every event: logs and observers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tidings.core.event import Event
from tidings.handling.executor import Handle


@dataclass(frozen=True)
class EveryEventExecutor:
    """The executor that hands each event to one function of the service.

    Attributes:
        receive: Records or observes one event. It may be called again with the same event.
    """

    receive: Callable[[Event[Any]], None]

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Do nothing: each event is received by itself."""

    def open_entity(self, _key: str) -> Handle:
        """Return the function that receives an entity's events."""
        return lambda event, _deadline: self.receive(event)
