"""The ports of recovery: the event log, queues, destinations and tables. `tidings.aws.recovery` adapts them.

Their methods raise `RecoveryError` if a call is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from tidings.core.clock import from_rfc3339
from tidings.core.decisions import Numbers
from tidings.core.entity import EventHead, OutboxEvent, StoredEntity
from tidings.core.event import Event

# The event log


@dataclass(frozen=True)
class LoggedEvent:
    """An event as the event log recorded it.

    Attributes:
        position: Its position in the log: the time recorded (RFC 3339), `/`, and its id. Positions sort as text.
        body: The event's JSON text as it was published.
        event: The event with its data as builtins.
    """

    position: str
    body: str
    event: Event[Any]

    @property
    def recorded(self) -> int:
        """The time recorded, in milliseconds since 1970."""
        return from_rfc3339(self.position.partition("/")[0])


@dataclass(frozen=True)
class UnreadableEvent:
    """A record of the event log that holds no event, such as one that was written by hand.

    Attributes:
        position: Its position in the log; empty if it has none.
        id: The id under which it is recorded.
        reason: Why it is no event.
    """

    position: str
    id: str
    reason: str


class EventLog(Protocol):
    """The log of all events of all services."""

    def read(self, start: str, end: str) -> Iterator[LoggedEvent | UnreadableEvent]:
        """Iterate over the events recorded from `start` on and before `end`, sorted by position.

        Args:
            start: A time (RFC 3339) or a position.
            end: A time (RFC 3339) or a position.
        """

    def read_entity(self, subject: str) -> Sequence[LoggedEvent | UnreadableEvent]:
        """Return all events of an entity, sorted by (time, id), so that each cause precedes its effects.

        Those that cannot be read come last.
        """

    def beginning(self) -> str | None:
        """Return a time before which nothing was recorded; None if the log is empty."""


class SearchableLog(EventLog, Protocol):
    """An event log in which events are found by their ids."""

    def find(self, heads: Sequence[EventHead]) -> Mapping[str, str]:
        """Return the bodies of those of the events that are recorded, by id, without personal data.

        A record that was written just now is found. The body of a record without one is empty.

        Args:
            heads: The events' ids and subjects, of any number.
        """


# Queues


@dataclass(frozen=True)
class QueueDepth:
    """The number of messages in a queue.

    Attributes:
        waiting: Messages that can be received now or later.
        in_flight: Messages that were received and are hidden until they are deleted or released.
    """

    waiting: int
    in_flight: int

    @property
    def total(self) -> int:
        """The number of all messages."""
        return self.waiting + self.in_flight


class QueueGauge(Protocol):
    """The readings of one queue."""

    name: str

    def depth(self) -> QueueDepth:
        """Return the approximate number of messages."""

    def visibility_timeout(self) -> int:
        """Return the number of seconds that a received message stays hidden."""


@dataclass(frozen=True)
class DeadLetterMessage:
    """A message as a dead-letter queue delivered it.

    Attributes:
        id: The queue's id of the message.
        receipt_handle: The handle of this delivery.
        body: The message's text.
        sent: When the message reached the dead-letter queue, in milliseconds since 1970.
        group: The message group; None on a standard queue.
        attributes: Its message attributes as text.
    """

    id: str
    receipt_handle: str
    body: str
    sent: int
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class DeadLetterQueue(Protocol):
    """A dead-letter queue."""

    def receive(self) -> Sequence[DeadLetterMessage]:
        """Return at most ten messages, hidden for a short time from now; none if all others are hidden."""

    def delete(self, messages: Sequence[DeadLetterMessage]) -> None:
        """Delete received messages.

        Raises:
            RecoveryError: If a message was not deleted.
        """

    def release(self, messages: Sequence[DeadLetterMessage]) -> None:
        """Make received messages visible again. A message that cannot be released becomes visible a little later."""

    def depth(self) -> QueueDepth:
        """Return the approximate number of messages."""


@dataclass(frozen=True)
class OutgoingMessage:
    """A message to send to a consumer's queue or to the topic.

    Attributes:
        head: Its id, its event type (empty if unknown) and its subject, which is the message group.
        body: The message's text.
    """

    head: EventHead
    body: str


class SendFailure(NamedTuple):
    """The failure to send a message.

    Attributes:
        reason: The destination's reason.
        permanent: Whether the destination will never accept the message. Otherwise it may accept it later.
    """

    reason: str
    permanent: bool = False


class Destination(Protocol):
    """A consumer's queue or the topic."""

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:
        """Send a batch, and return the messages that were not accepted.

        A message is refused permanently for its own sake only, and never for a fault of the deployment, such as a
        missing permission, which passes once it is mended.

        Args:
            batch: As many messages as one request takes.
            attempt: A text that no earlier attempt had. It makes deduplication ids new, because a FIFO queue drops
                an id that it has seen within five minutes, and with it the message.
        """


class ConsumerSwitch(Protocol):
    """The connection from a queue to its consumer."""

    def stop(self) -> None:
        """Stop the consumer, and wait until it receives no more messages."""

    def start(self) -> None:
        """Start the consumer, and wait until it receives messages."""


# Tables


class OutboxTable(Protocol):
    """A service's table, as the source of the events that the service announced."""

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        """Return an entity's announced events, oldest first."""

    def outboxes(self) -> Iterator[Sequence[OutboxEvent]]:
        """Iterate over all announced events, a page of entities at a time; each entity's oldest first."""


class ServiceTable(Protocol):
    """A service's table, as it is recovered."""

    def read(self, key: str) -> StoredEntity | None:
        """Return an entity as last written; None if it is not stored."""

    def write(self, entity: StoredEntity) -> None:
        """Store an entity's next version.

        Raises:
            RecoveryError: If another version than the one before it is stored.
        """

    def entities(self) -> Iterator[StoredEntity]:
        """Iterate over all entities."""

    def counters(self) -> Iterator[tuple[str, str]]:
        """Iterate over the keys and rows of all items that are no entities."""

    def set_numbers(self, key: str, row: str, numbers: Numbers) -> None:
        """Set numbers of an item, and leave its other attributes as they are."""


@dataclass(frozen=True)
class EntityOutbox:
    """The outbox of one entity.

    Attributes:
        key: The entity's key.
        events: Its announced events, oldest first. An outbox that cannot be read has one event without a body.
    """

    key: str
    events: Sequence[OutboxEvent]


@dataclass(frozen=True)
class OutboxPage:
    """A page of a segment of a table.

    Attributes:
        outboxes: The outboxes that are not empty.
        items: Number of items that were read, including those without an outbox.
        position: The position from which the next page is read; empty after the last page.
    """

    outboxes: Sequence[EntityOutbox]
    items: int
    position: str


class SegmentedOutboxTable(Protocol):
    """A service's table, as the source of outboxes that are read in parallel segments."""

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        """Return an entity's announced events, oldest first."""

    def read_page(self, segment: int, segments: int, after: str, most: int) -> OutboxPage:
        """Return the next page of a segment.

        Args:
            segment: The segment's number, from 0.
            segments: Number of segments, into which the table is always divided in the same way.
            after: The position of the page before; empty for the first page.
            most: Maximum number of items to read.
        """


class ProjectionTable(Protocol):
    """A projection's table, as it is rebuilt."""

    def mark_rebuilding(self) -> None:
        """Mark the projection as incomplete, for its readers."""

    def clear(self) -> None:
        """Delete every item except the mark."""

    def unmark_rebuilding(self) -> None:
        """Delete the mark."""
