"""The ports: what the library needs of a table, a queue and a topic. `tidings.aws` and `tidings.testing` adapt them.

An error that a method does not name means: it is unknown whether the call took effect.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tidings.core.decisions import ConditionFailed, Increment, Numbers
from tidings.core.entity import OutboxEvent, StoredEntity
from tidings.core.errors import RetryableError

MAX_ACTIONS = 100
"""Maximum number of items in a transaction (Amazon DynamoDB API Reference, "TransactWriteItems")."""

MAX_TRANSACTION_BYTES = 3 * 1024 * 1024
"""Maximum size of a transaction's entities. DynamoDB allows 4 MB; the rest is left to the incremented items."""


# Tables

# The values below are structs: to define a frozen dataclass takes a third of a millisecond of every cold start.


class EntityWrite(msgspec.Struct, frozen=True):
    """An entity's next version.

    Attributes:
        entity: The entity to store.
        expected: The version that must be stored now; 0 if there must be none.
    """

    entity: StoredEntity
    expected: int

    @property
    def key(self) -> str:
        """The entity's key."""
        return self.entity.key


class VersionConflictError(Exception):
    """Another writer was first, and nothing was written.

    Attributes:
        found: The conflicting entities as they are now; None for one that does not exist.
    """

    def __init__(self, found: Mapping[str, StoredEntity | None]) -> None:
        super().__init__(f"another version is stored: {', '.join(found)}")
        self.found = found


class ConditionFailedError(Exception):
    """The condition of an increment failed, and nothing was written."""

    def __init__(self, failed: ConditionFailed) -> None:
        super().__init__("the condition of an increment failed")
        self.failed = failed


class TransactionConflictError(RetryableError):
    """Another transaction holds one of the items, and nothing was written."""


class Table(Protocol):
    """A table of entities, and of other items with numbers."""

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        """Return those of the entities that exist, as last written."""

    def commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        """Store entities and increment items in one transaction of `MAX_ACTIONS` items at most, no item twice.

        Raises:
            VersionConflictError: If another version of an entity is stored.
            ConditionFailedError: If the condition of an increment failed.
            TransactionConflictError: If another transaction holds one of the items.
        """


class NumberTable(Protocol):
    """A table of items with numbers, such as those that increments change."""

    def numbers(self, key: str, row: str = "") -> Numbers:
        """Return an item's numbers, without when it expires; none if the item does not exist."""


class StreamRecord(msgspec.Struct, frozen=True):
    """One write in a table's stream.

    Attributes:
        position: The record's position in the stream.
        announced: The events that the write added to the outbox, oldest first.
        key: The key of the entity that was written; empty if it cannot be read.
        unreadable: Why the record's events cannot be read; empty if they can.
    """

    position: str
    announced: tuple[OutboxEvent, ...] = ()
    key: str = ""
    unreadable: str = ""

    @classmethod
    def of(cls, position: str, before: Sequence[str], after: Sequence[str], key: str = "") -> "StreamRecord":
        """Return the record of a write, given the outbox before and after it."""
        return cls(position, tuple(OutboxEvent(body) for body in after[len(before) :]), key)


# Queues


class Message(msgspec.Struct, frozen=True):
    """A message as its queue delivered it.

    Attributes:
        id: The queue's id of the message.
        receipt_handle: The handle of this delivery.
        body: The message's text.
        receives: Number of deliveries, including this one and those in which it was returned untried.
        sent: When the message was sent, in milliseconds since 1970.
        first_received: When the message was first delivered, in milliseconds since 1970.
        group: The message group; on a standard queue, the message's own id.
    """

    id: str
    receipt_handle: str
    body: str
    receives: int
    sent: int
    first_received: int
    group: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """Return the message in a record of Lambda's SQS event."""
        attributes = record["attributes"]
        return cls(
            id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receives=int(attributes["ApproximateReceiveCount"]),
            sent=int(attributes["SentTimestamp"]),
            first_received=int(attributes["ApproximateFirstReceiveTimestamp"]),
            group=attributes.get("MessageGroupId", record["messageId"]),
        )


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that the consumer gave up.

    Attributes:
        message: The message.
        reason: A fixed word to select by.
        detail: The error's text.
        type: The event type, if it could be read.
    """

    message: Message
    reason: str
    detail: str
    type: str | None


class Queue(Protocol):
    """A consumer's queue with its dead-letter queue."""

    def retry_later(self, delays: Mapping[str, int]) -> None:
        """Hide each message, by `receipt_handle`, for this number of seconds from now."""

    def dead_letter(self, letter: DeadLetter) -> None:
        """Send a message to the dead-letter queue."""


# Topics


class Unpublished(msgspec.Struct, frozen=True):
    """An event that the topic did not take.

    Attributes:
        event: The event.
        refused: Whether the topic will never take it. Otherwise it may be taken later.
        code: The topic's code for the failure.
    """

    event: OutboxEvent
    refused: bool
    code: str


class Topic(Protocol):
    """The topic that the relay publishes to."""

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        """Publish a batch, and return the events that the topic did not take.

        An event is refused for its own sake only. A fault of the deployment, such as a missing permission or a
        disabled key, passes once it is mended, so its events are not refused.
        """


class RefusedEvent(msgspec.Struct, frozen=True):
    """The dead letter of a relay: an event that can never be published, or a stream record that cannot be read.

    Attributes:
        body: The event's text; of a stream record its position and its entity's key as JSON.
        reason: A fixed word to select by.
        detail: The error's text, without the event's data.
        key: The key of the entity that announced the event; empty if it cannot be read.
        event: The event's id; empty if it cannot be read.
        type: The event's type; empty if it cannot be read.
    """

    body: str
    reason: str
    detail: str
    key: str = ""
    event: str = ""
    type: str = ""


class RelayDeadLetterQueue(Protocol):
    """The queue of what a relay refuses to publish."""

    def dead_letter(self, letter: RefusedEvent) -> None:
        """Send an event with the reason of its refusal."""
