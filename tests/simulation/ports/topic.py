"""A FIFO topic of SNS: it swallows for five minutes what it has seen, and hands the rest to each queue that asks."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from tests.simulation.clock import MINUTE
from tidings.clock import Clock
from tidings.relay import MAX_ENTRIES, Entry

DEDUPLICATION = 5 * MINUTE


class Subscriber(Protocol):
    """A queue, as the topic sees it."""

    def send(self, body: str, group: str = "", deduplication: str = "", delay: int = 0) -> None:
        """Takes a message, to be seen after so many milliseconds."""


class MemoryTopic:
    """A topic. `lag` gives the milliseconds that a delivery takes; a group's stay in order on a FIFO queue.

    `watch` is told of each event when it is published first.
    """

    def __init__(
        self, clock: Clock, lag: Callable[[], int] = lambda: 0, watch: Callable[[str], None] = lambda _id: None
    ) -> None:
        self.published: dict[str, str] = {}
        self._clock = clock
        self._watch = watch
        self._lag = lag
        self._seen: dict[str, int] = {}
        self._subscribers: list[tuple[Subscriber, Collection[str] | None]] = []

    def subscribe(self, queue: Subscriber, types: Collection[str] | None) -> None:
        """Asks for events of these types; None asks for all."""
        self._subscribers.append((queue, types))

    def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if not 0 < len(entries) <= MAX_ENTRIES:
            raise ValueError("TooManyEntriesInBatchRequest")
        now = self._clock()
        for entry in entries:
            head = entry.head
            if self._seen.get(head.id, 0) > now:
                continue
            self._seen[head.id] = now + DEDUPLICATION
            if head.id not in self.published:
                self._watch(head.id)
            self.published[head.id] = entry.body
            for queue, types in self._subscribers:
                if types is None or head.type in types:
                    queue.send(entry.body, head.subject, head.id, self._lag())
        return []
