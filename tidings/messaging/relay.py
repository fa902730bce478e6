"""The relay: publishes the events that a table's stream shows in outboxes, each entity's events in order."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tidings.core.entity import EventHead, OutboxEvent
from tidings.core.errors import PermanentError
from tidings.core.ports import StreamRecord, Topic
from tidings.observability.log import logger

MAX_PUBLISH_ENTRIES = 10
MAX_PUBLISH_BYTES = 256 * 1024
"""The limits of one PublishBatch (Amazon SNS API Reference, "PublishBatch")."""


class Publishable(Protocol):
    """A message with the head of its event."""

    @property
    def head(self) -> EventHead:
        """The id, type and subject."""

    @property
    def body(self) -> str:
        """The message's text."""


P = TypeVar("P", bound=Publishable)


def batches(events: Iterable[P]) -> Iterator[list[P]]:
    """Split events, in sequence, into as few batches as PublishBatch takes."""
    batch: list[P] = []
    size = 0
    for event in events:
        weight = _size(event)
        if batch and (len(batch) == MAX_PUBLISH_ENTRIES or size + weight > MAX_PUBLISH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += weight
    if batch:
        yield batch


def _size(event: Publishable) -> int:
    """Return the bytes that count against a batch's limit: the message and its attribute."""
    return len(event.body.encode()) + len("typeString") + len(event.head.type)


@dataclass(frozen=True)
class Relay:
    """The publisher of stream records, in rounds: each contains the next event of every entity.

    So no batch holds two events of one entity. An event may fail by itself; its entity's later events then wait until
    the stream delivers them again.

    Attributes:
        topic: The topic.
        threads: Publishes the batches of a round in parallel.
        count: Receives the number of published events of each type.
    """

    topic: Topic
    threads: Executor
    count: Callable[[Mapping[str, int]], None] = lambda _: None

    def handle(self, records: Sequence[StreamRecord]) -> dict[str, list[dict[str, str]]]:
        """Publish the events of stream records.

        Returns:
            The first record that failed. The stream resumes from there, so events that were published after it are
            published again under the same ids (AWS Lambda Developer Guide, "Configuring partial batch response with
            DynamoDB and Lambda").
        """
        waiting: dict[str, deque[tuple[OutboxEvent, int]]] = {}
        for n, record in enumerate(records):
            for event in record.announced:
                waiting.setdefault(event.head.subject, deque()).append((event, n))
        failed: set[int] = set()
        published: Counter[str] = Counter()
        while waiting:
            turn = dict(queue.popleft() for queue in waiting.values())
            refused = self._publish(turn)
            published.update(event.head.type for event in turn if event not in refused)
            failed |= {turn[event] for event in refused}
            blocked = {event.head.subject for event in refused}
            waiting = {key: queue for key, queue in waiting.items() if queue and key not in blocked}
        if published:
            self.count(published)
        if not failed:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": records[min(failed)].position}]}

    def _publish(self, events: Iterable[OutboxEvent]) -> list[OutboxEvent]:
        return [event for refused in self.threads.map(self._publish_batch, batches(events)) for event in refused]

    def _publish_batch(self, batch: Sequence[OutboxEvent]) -> Sequence[OutboxEvent]:
        try:
            refused = self.topic.publish(batch)
        except PermanentError:
            logger.exception("a batch was refused")
            if len(batch) > 1:
                # One event may be the cause: the others must not wait for it.
                return [event for alone in batch for event in self._publish_batch([alone])]
            refused = batch
        except Exception:
            logger.exception("a batch was not published")
            refused = batch
        for event in refused:
            logger.error("an event was not published", extra={"event_id": event.head.id})
        return refused
