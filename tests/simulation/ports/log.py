"""History's log: each event once, under its order and its id."""

from tidings.events import Event


class MemoryLog:
    """What `functions.history.log.Log` keeps: the events, by id."""

    def __init__(self) -> None:
        self.events: dict[str, str] = {}

    def record(self, event: Event[str], _deadline: int) -> None:
        self.events.setdefault(event.id, event.data)
