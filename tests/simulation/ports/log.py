"""History's event log: each event once, by its id."""

from tidings.core.event import Event


class MemoryLog:
    """The events that `functions.history.log.Log` keeps, by id."""

    def __init__(self) -> None:
        self.events: dict[str, str] = {}

    def record(self, event: Event[str]) -> None:
        self.events.setdefault(event.id, event.data)
