"""The relay: publishes the events that a table's stream shows in outboxes, each entity's events in order."""

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from tidings.core.entity import EventHead, OutboxEvent
from tidings.core.errors import PermanentError
from tidings.core.ports import RefusedEvent, RelayDeadLetterQueue, StreamRecord, Topic, Unpublished
from tidings.observability.log import logger

MAX_PUBLISH_ENTRIES = 10
MAX_PUBLISH_BYTES = 256 * 1024
"""The limits of one PublishBatch (Amazon SNS API Reference, "PublishBatch")."""

UNACCEPTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that no queue accepts in a message (Amazon SQS API Reference, "SendMessage")."""

REFUSED = "EventsRefused"
"""The metric of the events and records that relays dead-lettered."""

MAX_REMEMBERED = 1000
"""Maximum number of dead letters that a relay remembers. Each may be as large as an event."""


class Publishable(Protocol):
    """A message with the head of its event."""

    @property
    def head(self) -> EventHead:
        """The id, type and subject."""

    @property
    def body(self) -> str:
        """The message's text."""


P = TypeVar("P", bound=Publishable)
Numbered = tuple[OutboxEvent, int]
"""An event with the number of its record."""

Letter = tuple[int, RefusedEvent]
"""A dead letter with the number of its record."""


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


def refusal_of(event: OutboxEvent, service: str) -> tuple[str, str] | None:
    """Return why an event in a service's outbox can never be published, as a fixed word and a text; None if it can.

    An event that every consumer would refuse is found here, and so is one that the topic would refuse, which would cost
    its batch a second call. The topic accepts the id, subject and type of every envelope.
    """
    try:
        source = event.envelope.source
    except PermanentError as error:
        return error.reason, str(error)
    except (TypeError, AttributeError) as error:
        return "undecodable", type(error).__name__
    if source != service:
        return "wrong-source", f"its source is not {service}"
    # JSON text in ASCII has no such character.
    if not event.body.isascii() and UNACCEPTABLE.search(event.body):
        return "unpublishable", "a queue accepts no such character"
    return None


@dataclass(frozen=True)
class Relay:
    """The publisher of stream records, in rounds: each contains the next event of every entity.

    So no batch holds two events of one entity. An event that the topic cannot take now fails by itself; its entity's
    later events then wait until the stream delivers them again. An event that can never be published, and a record
    that cannot be read, go to the dead-letter queue and hold up no other event.

    Attributes:
        service: The service whose table is read. No event of another source is published.
        topic: The topic.
        dlq: The relay's dead-letter queue.
        threads: Publishes the batches of a round in parallel, and sends dead letters.
        count: Receives the number of published events of each type, and of refused ones as `EventsRefused`.
        logged: The types of events that are logged with their ids. A count alone does not say which entity it is about.
    """

    service: str
    topic: Topic
    dlq: RelayDeadLetterQueue
    threads: Executor
    count: Callable[[Mapping[str, int]], None] = lambda _: None
    logged: Collection[str] = ()
    _sent: set[tuple[str, RefusedEvent]] = field(default_factory=set, init=False, repr=False)
    """The dead letters sent, by record. The stream delivers what follows a failure again and again."""

    def handle(self, records: Sequence[StreamRecord]) -> dict[str, list[dict[str, str]]]:
        """Publish the events of stream records.

        Returns:
            The first record that failed. The stream resumes from there, so events that were published after it are
            published again under the same ids (AWS Lambda Developer Guide, "Configuring partial batch response with
            DynamoDB and Lambda").
        """
        counts: Counter[str] = Counter()
        failed: set[int] = set()
        waiting, letters = self._sort(records)
        while waiting:
            turn = dict(queue.popleft() for queue in waiting.values())
            unpublished = {each.event: each for each in self._publish(turn)}
            self._note([event for event in turn if event not in unpublished], counts)
            blocked = set()
            for event, failure in unpublished.items():
                n = turn[event]
                if failure.refused:
                    letters.append((n, _refused(event, records[n], "refused", failure.code)))
                else:
                    failed.add(n)
                    blocked.add(event.head.subject)
            waiting = {key: queue for key, queue in waiting.items() if queue and key not in blocked}
        # At last, because a dead-letter queue that does not answer must not delay what can be published.
        failed |= self._dead_letter(records, letters, counts)
        if counts:
            self.count(counts)
        if not failed:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": records[min(failed)].position}]}

    def _note(self, published: Sequence[OutboxEvent], counts: Counter[str]) -> None:
        """Count published events by type, and log those that are to be logged."""
        counts.update(event.head.type for event in published)
        for event in published:
            if event.head.type in self.logged:
                logger.info("an event was published", extra={"type": event.head.type, "event_id": event.head.id})

    def _sort(self, records: Sequence[StreamRecord]) -> tuple[dict[str, deque[Numbered]], list[Letter]]:
        """Return each entity's events that can be published, and the dead letters of what never can."""
        waiting: dict[str, deque[Numbered]] = {}
        letters: list[Letter] = []
        for n, record in enumerate(records):
            if record.unreadable:
                letters.append((n, _unreadable(record)))
            for event in record.announced:
                if reason := refusal_of(event, self.service):
                    letters.append((n, _refused(event, record, *reason)))
                else:
                    waiting.setdefault(event.head.subject, deque()).append((event, n))
        return waiting, letters

    def _publish(self, events: Iterable[OutboxEvent]) -> list[Unpublished]:
        return [each for unpublished in self.threads.map(self._publish_batch, batches(events)) for each in unpublished]

    def _publish_batch(self, batch: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        try:
            unpublished = self.topic.publish(batch)
        except Exception as error:
            logger.exception("a batch was not published")
            unpublished = [Unpublished(event, refused=False, code=type(error).__name__) for event in batch]
        for each in unpublished:
            fields = {"event_id": each.event.head.id, "code": each.code, "refused": each.refused}
            logger.error("an event was not published", extra=fields)
        return unpublished

    def _dead_letter(
        self, records: Sequence[StreamRecord], letters: Sequence[Letter], counts: Counter[str]
    ) -> set[int]:
        """Send letters to the dead-letter queue. Return the numbers of the records whose letters it did not take."""
        new = {(records[n].position, letter): n for n, letter in letters}
        unsent = [key for key in new if key not in self._sent]
        failed = set()
        for key, is_taken in zip(unsent, self.threads.map(lambda key: self._send(*key), unsent), strict=True):
            if is_taken:
                self._sent.add(key)
                counts[REFUSED] += 1
            else:
                failed.add(new[key])
        if len(self._sent) > MAX_REMEMBERED:
            self._sent.clear()
        return failed

    def _send(self, position: str, letter: RefusedEvent) -> bool:
        """Send one letter. Return whether the dead-letter queue took it."""
        fields = {"event_id": letter.event, "position": position, "reason": letter.reason, "code": letter.detail}
        try:
            self.dlq.dead_letter(letter)
        except Exception:
            logger.exception("an event that can never be published was not dead-lettered", extra=fields)
            return False
        logger.error("an event can never be published", extra=fields)
        return True


def _refused(event: OutboxEvent, record: StreamRecord, reason: str, detail: str) -> RefusedEvent:
    try:
        head = event.head
    except (ValueError, TypeError, AttributeError, RecursionError):
        return RefusedEvent(str(event.body), reason, detail, record.key)
    return RefusedEvent(event.body, reason, detail, record.key or head.subject, head.id, head.type)


def _unreadable(record: StreamRecord) -> RefusedEvent:
    body = msgspec.json.encode({"position": str(record.position), "key": str(record.key)}).decode()
    return RefusedEvent(body, "unreadable-record", record.unreadable, str(record.key))
