"""The relay: publishes what a table's stream shows to have been announced, each order's events in their order."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tidings.errors import PermanentError
from tidings.log import logger

MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
"""What one PublishBatch takes (Amazon SNS API Reference, "PublishBatch")."""


class Head(msgspec.Struct, frozen=True):
    """The attributes of an event that the topic is told."""

    id: str
    type: str
    subject: str


@dataclass(frozen=True)
class Entry:
    """An event to publish, as its table holds it."""

    head: Head
    body: str

    @property
    def size(self) -> int:
        """Bytes that count against a batch's limit: the message and its attribute."""
        return len(self.body.encode()) + len("typeString") + len(self.head.type)


class Topic(Protocol):
    """What the relay needs of the topic."""

    def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Publishes a batch; gives those of its entries that failed. PermanentError where it was refused as a whole."""


_head = msgspec.json.Decoder(Head)


def announced(record: Mapping[str, Any]) -> list[Entry]:
    """The events that the write behind a stream record announced, oldest first; none where an item was removed."""
    images = record["dynamodb"]
    before, after = (images.get(image, {}).get("events", {"L": []})["L"] for image in ("OldImage", "NewImage"))
    return [Entry(_head.decode(event["S"]), event["S"]) for event in after[len(before) :]]


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in as few batches as PublishBatch takes them in, in their order."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == MAX_ENTRIES or size + entry.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


@dataclass(frozen=True)
class Relay:
    """Publishes in waves: in each the next event of every order, so that no batch holds two of any one order.

    An entry may fail alone; its order's later events then wait until the stream brings them again. `count` is told how
    many of each type were published.
    """

    topic: Topic
    executor: Executor
    count: Callable[[Mapping[str, int]], None] = lambda _: None

    def handle(self, records: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, str]]]:
        """Publishes for the records of Lambda's stream event; answers with the first that failed.

        The stream is resumed from there, so what was published after it is published once more, under the same
        ids (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda").
        """
        waiting: dict[str, deque[tuple[Entry, int]]] = {}
        for position, record in enumerate(records):
            for entry in announced(record):
                waiting.setdefault(entry.head.subject, deque()).append((entry, position))
        failed: set[int] = set()
        published: Counter[str] = Counter()
        while waiting:
            wave = dict(queue.popleft() for queue in waiting.values())
            refused = self._publish(wave)
            published.update(entry.head.type for entry in wave if entry not in refused)
            failed |= {wave[entry] for entry in refused}
            blocked = {entry.head.subject for entry in refused}
            waiting = {order: queue for order, queue in waiting.items() if queue and order not in blocked}
        if published:
            self.count(published)
        if not failed:
            return {"batchItemFailures": []}
        first = records[min(failed)]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": first}]}

    def _publish(self, wave: Iterable[Entry]) -> list[Entry]:
        return [entry for refused in self.executor.map(self._publish_batch, batches(wave)) for entry in refused]

    def _publish_batch(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        try:
            refused = self.topic.publish(batch)
        except PermanentError:
            logger.exception("a batch was refused")
            if len(batch) > 1:
                # It may be for one entry's sake: the others must not wait for that one.
                return [entry for alone in batch for entry in self._publish_batch([alone])]
            refused = batch
        except Exception:
            logger.exception("a batch was not published")
            refused = batch
        for entry in refused:
            logger.error("an event was not published", extra={"event_id": entry.head.id})
        return refused
