"""The order in which recorded events are replayed: oldest first, and each order's own in the order they happened.

Events are recorded as they are delivered, so that one may stand in the log before its cause.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from functions.history.reading import Logged

WINDOW_SECONDS = 60
WINDOW_EVENTS = 5_000
"""How far ahead an order's earlier events are looked for: what is held in memory at most."""

KNOWN_ORDERS = 50_000
"""Orders whose numbers are remembered; for one that is forgotten the log is asked again."""


class Gap(NamedTuple):
    """A number that a source must have given an event of the order, and that the log does not have."""

    order: str
    source: str
    sequence: int


def causal(
    events: Iterable[Logged], *, seconds: float = WINDOW_SECONDS, limit: int = WINDOW_EVENTS
) -> Iterator[Logged]:
    """The events, with each order's own in causal order as far as they were recorded within the window.

    An order keeps its places among the others; its events fill them by (time, id).
    """
    places: deque[Logged] = deque()
    waiting: dict[str, list[tuple[str, str, Logged]]] = {}

    def next_one() -> Logged:
        order = places.popleft().event.subject
        _, _, earliest = heapq.heappop(waiting[order])
        if not waiting[order]:
            del waiting[order]
        return earliest

    for each in events:
        while places and (len(places) >= limit or each.recorded - places[0].recorded > seconds * 1000):
            yield next_one()
        places.append(each)
        heapq.heappush(waiting.setdefault(each.event.subject, []), (each.event.time, each.event.id, each))
    while places:
        yield next_one()


@dataclass
class Sequencer:
    """Sees to it that the numbers of each source of an order ascend, however late one was recorded.

    `recall` gives all that the log has of an order; `end` is the moment where the replay ends. `gaps` are the numbers
    that the log lacks: those before an event that it has, for no one can tell what should have come after the last.
    """

    recall: Callable[[str], Iterable[Logged]]
    end: str
    gaps: set[Gap] = field(default_factory=set)
    limit: int = KNOWN_ORDERS
    _next: OrderedDict[str, dict[str, int]] = field(default_factory=OrderedDict)

    def follow(self, each: Logged) -> list[Logged]:
        """What comes next: the event, after those of its source that were recorded too late to come by themselves.

        Nothing, where it has come before its turn already.
        """
        order, source, sequence = each.event.subject, each.event.source, each.event.sequence
        numbers = self._numbers(order)
        expected = numbers.get(source, 1)
        if sequence < expected:
            return []
        numbers[source] = sequence + 1
        if sequence == expected:
            return [each]
        return [*self._late(each, expected), each]

    def _late(self, each: Logged, expected: int) -> Iterator[Logged]:
        order, source, sequence = each.event.subject, each.event.source, each.event.sequence
        found = {other.event.sequence: other for other in self.recall(order) if other.event.source == source}
        for number in range(expected, sequence):
            if number not in found:
                self.gaps.add(Gap(order, source, number))
            # What was recorded earlier has had its turn, or lies before the beginning.
            elif each.moment < found[number].moment < self.end:
                yield found[number]

    def _numbers(self, order: str) -> dict[str, int]:
        numbers = self._next.setdefault(order, {})
        self._next.move_to_end(order)
        if len(self._next) > self.limit:
            self._next.popitem(last=False)
        return numbers


class Watermark:
    """How far all is done, though things are done out of order: up to `moment`, inclusive."""

    def __init__(self, moment: str = "") -> None:
        self.moment = moment
        self._open: OrderedDict[str, tuple[str, bool]] = OrderedDict()

    def begin(self, each: Logged) -> Logged:
        """An event was read: they are read in the order of their moments."""
        self._open[each.event.id] = (each.moment, False)
        return each

    def done(self, event_id: str) -> None:
        """An event needs nothing more; one that was not read yet will say so again when it is."""
        if event_id in self._open:
            self._open[event_id] = (self._open[event_id][0], True)
        while self._open:
            first = next(iter(self._open))
            moment, done = self._open[first]
            if not done:
                return
            self.moment = moment
            del self._open[first]
