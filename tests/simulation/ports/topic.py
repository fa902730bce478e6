"""A FIFO topic of SNS. It drops an event that it has seen within five minutes, and refuses some events for good."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from tests.simulation.clock import MINUTE
from tests.simulation.violation import ViolationError
from tidings.core.clock import Clock
from tidings.core.entity import OutboxEvent
from tidings.core.personal import redacted
from tidings.core.ports import Unpublished
from tidings.messaging.relay import MAX_PUBLISH_BYTES, MAX_PUBLISH_ENTRIES

DEDUPLICATION = 5 * MINUTE


class Subscriber(Protocol):
    """A queue, as the topic sees it."""

    def send(self, body: str, group: str = "", deduplication: str = "", delay: int = 0) -> None:
        """Take a message, to be visible after a delay in milliseconds."""


class FifoTopic:
    """A topic.

    Attributes:
        published: The published events' bodies by id.
        refused: The ids of the events that it has refused.
    """

    def __init__(
        self,
        clock: Clock,
        lag: Callable[[], int] = lambda: 0,
        watch: Callable[[str], None] = lambda _id: None,
        refuses: Callable[[str], bool] = lambda _id: False,
    ) -> None:
        """Create a topic without subscribers.

        Args:
            clock: The current time.
            lag: Returns the milliseconds that a delivery takes. On a FIFO queue a group's messages keep their order.
            watch: Called with the id of each event when it is published for the first time.
            refuses: Returns whether an event with this id is refused for good.
        """
        self.published: dict[str, str] = {}
        self.refused: set[str] = set()
        self._refuses = refuses
        self._clock = clock
        self._watch = watch
        self._lag = lag
        self._seen: dict[str, int] = {}
        self._subscribers: list[tuple[Subscriber, Collection[str] | None]] = []

    def subscribe(self, queue: Subscriber, types: Collection[str] | None) -> None:
        """Deliver events of these types to a queue; None means all types."""
        self._subscribers.append((queue, types))

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        if not 0 < len(events) <= MAX_PUBLISH_ENTRIES:
            raise ValueError(f"TooManyEntriesInBatchRequest: {len(events)} events")
        now = self._clock()
        unpublished = []
        for event in events:
            head = event.head
            if len(event.body) > MAX_PUBLISH_BYTES or self._refuses(head.id):
                self.refused.add(head.id)
                unpublished.append(Unpublished(event, refused=True, code="InvalidParameter"))
                continue
            before = self.published.get(head.id)
            if before is not None and redacted(before) != redacted(event.body):
                raise ViolationError("an event's id names one fact", f"{head.id} is {event.body}, and was {before}")
            if self._seen.get(head.id, 0) > now:
                continue
            self._seen[head.id] = now + DEDUPLICATION
            if head.id not in self.published:
                self._watch(head.id)
            self.published[head.id] = event.body
            for queue, types in self._subscribers:
                if types is None or head.type in types:
                    queue.send(event.body, head.subject, head.id, self._lag())
        return unpublished
