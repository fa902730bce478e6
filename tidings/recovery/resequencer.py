"""The resequencer: brings recorded events back into causal sequence (Enterprise Integration Patterns, "Resequencer").

Events are recorded as they are delivered, so the log may contain an event before its cause.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from tidings.core.event import event_id
from tidings.recovery.ports import LoggedEvent

WINDOW_SECONDS = 60
WINDOW_EVENTS = 5_000
"""The reach of the window in which an entity's events are sorted, and the maximum number of events in memory."""

MAX_ENTITIES = 50_000
"""Maximum number of entities whose numbers are remembered. For others, the log is read again."""


MAX_MISSING = 1_000
"""Maximum number of gaps that one event shows. An event with a wrong number may seem to lack a billion before it."""


class Gap(NamedTuple):
    """The number of an event that its source must have announced, and that the log does not contain."""

    subject: str
    source: str
    number: int

    @property
    def event(self) -> str:
        """The event's id."""
        return event_id(self.source, self.subject, self.number)


def sort_causally(
    events: Iterable[LoggedEvent], *, seconds: float = WINDOW_SECONDS, limit: int = WINDOW_EVENTS
) -> Iterator[LoggedEvent]:
    """Iterate over events with each entity's sorted by (time, id), as far as they were recorded within a window.

    An entity keeps its places among the others; its sorted events fill them.

    Args:
        events: The events by position.
        seconds: The window's length.
        limit: Maximum number of events in the window.
    """
    places: deque[LoggedEvent] = deque()
    waiting: dict[str, list[tuple[str, str, LoggedEvent]]] = {}

    def earliest_of_next() -> LoggedEvent:
        subject = places.popleft().event.subject
        _, _, earliest = heapq.heappop(waiting[subject])
        if not waiting[subject]:
            del waiting[subject]
        return earliest

    for logged in events:
        while places and (len(places) >= limit or logged.recorded - places[0].recorded > seconds * 1000):
            yield earliest_of_next()
        places.append(logged)
        heapq.heappush(waiting.setdefault(logged.event.subject, []), (logged.event.time, logged.event.id, logged))
    while places:
        yield earliest_of_next()


@dataclass
class Resequencer:
    """A filter that lets the numbers of each entity's source ascend, however late an event was recorded.

    Attributes:
        read_entity: Returns all events of an entity in the log.
        end: The position at which the replay ends.
        gaps: The numbers that the log lacks before an event that it contains. Events after the last are unknown.
        limit: Maximum number of entities whose numbers are remembered.
    """

    read_entity: Callable[[str], Iterable[LoggedEvent]]
    end: str
    gaps: set[Gap] = field(default_factory=set)
    limit: int = MAX_ENTITIES
    _expected: dict[str, dict[str, int]] = field(default_factory=dict)
    _known: deque[str] = field(default_factory=deque)

    def follow(self, logged: LoggedEvent) -> list[LoggedEvent]:
        """Return the event, preceded by its source's events that were recorded too late.

        Returns:
            No event if this one was returned before.
        """
        source, number = logged.event.source, logged.event.number
        numbers = self._numbers(logged.event.subject)
        expected = numbers.get(source, 1)
        if number < expected:
            return []
        numbers[source] = number + 1
        if number == expected:
            return [logged]
        return [*self._late_events(logged, expected), logged]

    def _late_events(self, logged: LoggedEvent, expected: int) -> Iterator[LoggedEvent]:
        subject, source = logged.event.subject, logged.event.source
        found = {other.event.number: other for other in self.read_entity(subject) if other.event.source == source}
        missing = (number for number in range(expected, logged.event.number) if number not in found)
        self.gaps.update(Gap(subject, source, number) for number in islice(missing, MAX_MISSING))
        for number in sorted(found):
            # An event with an earlier position was returned before, or precedes the beginning.
            late = logged.position < found[number].position < self.end
            if expected <= number < logged.event.number and late:
                yield found[number]

    def _numbers(self, subject: str) -> dict[str, int]:
        if subject not in self._expected:
            self._expected[subject] = {}
            self._known.append(subject)
            if len(self._known) > self.limit:
                del self._expected[self._known.popleft()]
        return self._expected[subject]


class Watermark:
    """The position up to which all events are done, although they are done out of order."""

    def __init__(self, position: str = "") -> None:
        """Create a watermark at a position."""
        self.position = position
        self._begun: deque[LoggedEvent] = deque()
        self._open: set[str] = set()

    def begin(self, logged: LoggedEvent) -> LoggedEvent:
        """Take note that an event was read. Events are read by position."""
        self._begun.append(logged)
        self._open.add(logged.event.id)
        return logged

    def finish(self, event_id: str) -> None:
        """Take note that an event is done. An event that was not read yet is ignored: it is finished again later."""
        self._open.discard(event_id)
        while self._begun and self._begun[0].event.id not in self._open:
            self.position = self._begun.popleft().position
