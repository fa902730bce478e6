"""The ports in memory. They refuse what the real ones refuse, and fail on demand.

An attribute `…_faults` of a port injects faults into the calls of one method; see `Faults`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tidings.core.decisions import ConditionFailed, Increment, Numbers
from tidings.core.entity import RESERVED, OutboxEvent, StoredEntity
from tidings.core.ports import (
    MAX_ACTIONS,
    ConditionFailedError,
    DeadLetter,
    EntityWrite,
    RefusedEvent,
    Unpublished,
    VersionConflictError,
)
from tidings.core.strategy import CounterKey
from tidings.messaging.relay import MAX_PUBLISH_BYTES, MAX_PUBLISH_ENTRIES
from tidings.testing.faults import Faults

MAX_VISIBILITY_TIMEOUT = 43_200
"""Maximum number of seconds that a message can be hidden (Amazon SQS API Reference, "ChangeMessageVisibility")."""

Watch = Callable[[str, StoredEntity | Numbers | None, StoredEntity | Numbers], None]
"""Called after each write of an entity or of numbers with the key, the item before, and the item after."""


class Stream(Protocol):
    """A table's stream, which receives the images of each entity's write."""

    def append(self, old: StoredEntity | None, new: StoredEntity) -> None:
        """Add one write: the entity before, and the entity after."""


class MemoryTable:
    """A table of entities, and of other items with numbers; see `Table`.

    Attributes:
        entities: The stored entities by key.
        items: The numbers of the other items, by key and row.
        expires: When other items expire, in seconds since 1970, by key and row.
        reads: The keys of each call of `read`.
        attempts: Number of calls of `commit`.
        commits: The writes and increments of each successful commit.
        read_faults: The faults of `read`, by an entity's key.
        commit_faults: The faults of `commit`, by an entity's key.
    """

    def __init__(self, stream: Stream | None = None, watch: Watch | None = None) -> None:
        """Create an empty table.

        Args:
            stream: Receives each entity's write.
            watch: Called after each write.
        """
        self.entities: dict[str, StoredEntity] = {}
        self.items: dict[tuple[str, str], Numbers] = {}
        self.expires: dict[tuple[str, str], int] = {}
        self.reads: list[tuple[str, ...]] = []
        self.attempts = 0
        self.commits: list[tuple[tuple[EntityWrite, ...], tuple[Increment, ...]]] = []
        self.read_faults = Faults()
        self.commit_faults = Faults()
        self._stream = stream
        self._watch = watch

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        """Return those of the entities that exist.

        Raises:
            ValueError: If a key is named twice.
        """
        self.reads.append(tuple(keys))
        return self.read_faults.call(lambda: self._read(keys), keys)

    def commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        """Store entities and increment items in one transaction.

        Raises:
            ValueError: If there are no items, more than `MAX_ACTIONS`, or one item twice.
            VersionConflictError: If another version of an entity is stored.
            ConditionFailedError: If the condition of an increment failed.
        """
        self.attempts += 1
        self.commit_faults.call(lambda: self._commit(writes, increments), (write.key for write in writes))

    def put(self, entity: StoredEntity) -> None:
        """Store an entity unconditionally."""
        found = self.entities.get(entity.key)
        self.entities[entity.key] = entity
        if self._stream:
            self._stream.append(found, entity)
        if self._watch:
            self._watch(entity.key, found, entity)

    def put_numbers(self, key: str, numbers: Numbers, row: str = "") -> None:
        """Store an item with these numbers unconditionally."""
        found = self.items.get((key, row))
        self.items[key, row] = dict(numbers)
        if self._watch:
            self._watch(key, found, numbers)

    def delete_expired(self, now: int) -> None:
        """Delete the items that have expired by a time in milliseconds since 1970, as DynamoDB does within days."""
        for item in [item for item, expires in self.expires.items() if expires * 1000 < now]:
            del self.items[item], self.expires[item]

    def numbers(self, key: str, row: str = "") -> Numbers:
        """Return an item's numbers; none if it does not exist."""
        return self.items.get((key, row), {})

    def counters(self) -> dict[CounterKey, int]:
        """Return a projection's counters that are not 0, each summed over its shards."""
        sums: dict[CounterKey, int] = {}
        for (partition, row), numbers in self.items.items():
            group = partition.removeprefix(RESERVED).rpartition(RESERVED)[0]
            for name, number in numbers.items():
                counter = CounterKey(group, row, name)
                sums[counter] = sums.get(counter, 0) + number
        return {counter: total for counter, total in sums.items() if total}

    def shards(self) -> set[str]:
        """Return the shards of a projection that have a number."""
        return {partition.rpartition(RESERVED)[2] for partition, _ in self.items}

    def _read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        if len(keys) != len(set(keys)):
            raise ValueError("ValidationException: a key is named twice")
        return {key: self.entities[key] for key in keys if key in self.entities}

    def _commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment]) -> None:
        if not all(increment.add for increment in increments):
            raise ValueError("ValidationException: an increment adds nothing")
        items = {(write.key, "") for write in writes} | {increment.item for increment in increments}
        if not 0 < len(writes) + len(increments) == len(items) <= MAX_ACTIONS:
            raise ValueError("ValidationException: no items, too many, or one item twice")
        self._require_versions(writes)
        self._require_conditions(increments)
        for increment in increments:
            found = self.numbers(*increment.item)
            sums = {name: found.get(name, increment.start.get(name, 0)) + by for name, by in increment.add.items()}
            self.put_numbers(increment.key, {**found, **sums}, increment.row)
            if increment.expires is not None:
                self.expires.setdefault(increment.item, increment.expires)
        for write in writes:
            self.put(write.entity)
        self.commits.append((tuple(writes), tuple(increments)))

    def _require_versions(self, writes: Sequence[EntityWrite]) -> None:
        """Raise `VersionConflictError` if another version of an entity is stored than its write expects."""
        stored = {write.key: self.entities.get(write.key) for write in writes}
        expected = {write.key: write.expected for write in writes}
        conflicts = {key: found for key, found in stored.items() if (found.version if found else 0) != expected[key]}
        if conflicts:
            raise VersionConflictError(conflicts)

    def _require_conditions(self, increments: Sequence[Increment]) -> None:
        """Raise `ConditionFailedError` if the condition of an increment fails."""
        failed = [increment for increment in increments if not self._meets_condition(increment)]
        if failed:
            raise ConditionFailedError(ConditionFailed(tuple((each, self.items.get(each.item)) for each in failed)))

    def _meets_condition(self, increment: Increment) -> bool:
        found = self.numbers(*increment.item)
        return all(
            found[name] >= least if name in found else increment.admits_missing(name)
            for name, least in increment.at_least.items()
        )


class MemoryQueue:
    """A consumer's queue with its dead-letter queue; see `Queue`.

    Attributes:
        delays: The retry delays in seconds, by `receipt_handle`.
        dead_letters: The dead letters, oldest first.
        retry_later_faults: The faults of `retry_later`, by a `receipt_handle`.
        dead_letter_faults: The faults of `dead_letter`, by the message's id.
    """

    def __init__(self) -> None:
        """Create a queue without messages."""
        self.delays: dict[str, int] = {}
        self.dead_letters: list[DeadLetter] = []
        self.retry_later_faults = Faults()
        self.dead_letter_faults = Faults()

    def retry_later(self, delays: Mapping[str, int]) -> None:
        """Hide each message, by `receipt_handle`, for this number of seconds from now.

        Raises:
            ValueError: If a number is negative or above `MAX_VISIBILITY_TIMEOUT`.
        """
        self.retry_later_faults.call(lambda: self._retry_later(delays), delays)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Send a message to the dead-letter queue."""
        self.dead_letter_faults.call(lambda: self.dead_letters.append(letter), (letter.message.id,))

    def _retry_later(self, delays: Mapping[str, int]) -> None:
        if any(not 0 <= seconds <= MAX_VISIBILITY_TIMEOUT for seconds in delays.values()):
            raise ValueError(f"InvalidParameterValue: {delays}")
        self.delays.update(delays)


class MemoryTopic:
    """A topic; see `Topic`.

    Attributes:
        published: The published events, oldest first.
        batches: The ids of the events in each call of `publish`.
        refused: The ids of events that it refuses for good.
        unavailable: The ids of events that it cannot take now.
        publish_faults: The faults of `publish`, by an event's id.
    """

    def __init__(self) -> None:
        """Create a topic to which nothing has been published."""
        self.published: list[OutboxEvent] = []
        self.batches: list[list[str]] = []
        self.refused: set[str] = set()
        self.unavailable: set[str] = set()
        self.publish_faults = Faults()

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        """Publish a batch, and return the events that the topic did not take.

        Raises:
            ValueError: If the batch is empty, or larger than PublishBatch takes.
        """
        ids = [event.head.id for event in events]
        self.batches.append(ids)
        return self.publish_faults.call(lambda: self._publish(events), ids)

    def _publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        if not 0 < len(events) <= MAX_PUBLISH_ENTRIES:
            raise ValueError(f"TooManyEntriesInBatchRequest: {len(events)} events")
        if sum(len(event.body.encode()) for event in events) > MAX_PUBLISH_BYTES:
            raise ValueError(f"BatchRequestTooLong: more than {MAX_PUBLISH_BYTES} bytes")
        refused = [event for event in events if event.head.id in self.refused]
        unavailable = [event for event in events if event.head.id in self.unavailable - self.refused]
        self.published += [event for event in events if event not in [*refused, *unavailable]]
        return [
            *(Unpublished(event, refused=True, code="InvalidParameter") for event in refused),
            *(Unpublished(event, refused=False, code="InternalError") for event in unavailable),
        ]


class MemoryRelayDeadLetterQueue:
    """A relay's dead-letter queue; see `RelayDeadLetterQueue`.

    Attributes:
        letters: The dead letters, oldest first.
        faults: The faults of `dead_letter`, by the entity's key.
    """

    def __init__(self) -> None:
        """Create an empty queue."""
        self.letters: list[RefusedEvent] = []
        self.faults = Faults()

    def dead_letter(self, letter: RefusedEvent) -> None:
        """Send an event with the reason of its refusal."""
        self.faults.call(lambda: self.letters.append(letter), (letter.key,))
