"""The ports of recovery in memory: hidden messages, groups that wait, dropped ids, and crashes; and example events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidings.core.contract import Contract
from tidings.core.event import Event, encode, event_id
from tidings.recovery import DeadLetterMessage, OutgoingMessage, QueueDepth, RecoveryError, SendFailure
from tidings.testing import NOON

BATCH = 10


class TicketClosed(Contract, frozen=True, kw_only=True):
    """An example event."""

    producer = "tickets"

    reason: str = "solved"


def event(subject: str, n: int = 1, *, source: str = "tickets", time: str = NOON) -> str:
    """Return the JSON text of a source's n-th event of an entity."""
    data = TicketClosed()
    return encode(
        Event(
            id=event_id(source, subject, n),
            source=source,
            type=TicketClosed.__name__,
            dataschema=data.schema(),
            subject=subject,
            time=time,
            correlationid="request-1",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            data=data,
        )
    )


class CrashError(BaseException):
    """The end of the command's process."""


@dataclass
class CrashPoint:
    """A crash at the n-th call, before it or after it. A crashed process makes no more calls."""

    at: int = 0
    after: bool = False
    calls: int = 0
    crashed: bool = False

    def call(self, make: Callable[[], None]) -> None:
        if self.crashed:
            raise CrashError
        self.calls += 1
        self.crashed = self.calls == self.at
        if self.crashed and not self.after:
            raise CrashError
        make()
        if self.crashed:
            raise CrashError


@dataclass
class MemoryDeadLetterQueue:
    """A dead-letter queue.

    Attributes:
        stored: All messages.
        hidden: The ids of the messages in flight.
        receives: Number of calls of `receive`.
        undeletable: The ids of messages that cannot be deleted.
    """

    crash: CrashPoint = field(default_factory=CrashPoint)
    stored: list[DeadLetterMessage] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    receives: int = 0
    undeletable: set[str] = field(default_factory=set)

    def add(self, body: str, group: str | None = None, **attributes: str) -> None:
        number = len(self.stored) + self.receives
        self.stored.append(
            DeadLetterMessage(f"message-{number}", "", body, 1_700_000_000_000 + number, group, attributes)
        )

    def receive(self) -> Sequence[DeadLetterMessage]:
        received: list[DeadLetterMessage] = []
        self.crash.call(lambda: received.extend(self._receive()))
        return received

    def _receive(self) -> list[DeadLetterMessage]:
        blocked = {message.group for message in self.stored if message.group and message.id in self.hidden}
        free = [each for each in self.stored if each.id not in self.hidden and each.group not in blocked][:BATCH]
        self.hidden |= {message.id for message in free}
        self.receives += 1
        return [replace(message, receipt_handle=f"handle-{self.receives}") for message in free]

    def delete(self, messages: Sequence[DeadLetterMessage]) -> None:
        deleted = {message.id for message in messages} - self.undeletable

        def delete() -> None:
            self.stored = [message for message in self.stored if message.id not in deleted]
            self.hidden -= deleted

        self.crash.call(delete)
        if len(deleted) < len(messages):
            raise RecoveryError("some messages could not be deleted")

    def release(self, messages: Sequence[DeadLetterMessage]) -> None:
        self.crash.call(lambda: self.hidden.difference_update(message.id for message in messages))

    def depth(self) -> QueueDepth:
        return QueueDepth(len(self.stored) - len(self.hidden), len(self.hidden))

    def end_visibility_timeout(self) -> None:
        self.hidden.clear()

    def bodies(self) -> list[str]:
        return [message.body for message in self.stored]


@dataclass
class MemoryDestination:
    """A consumer's queue, or the topic, that drops a message whose deduplication id it has seen.

    Attributes:
        arrived: The messages that arrived, each with its deduplication id.
        seen: The deduplication ids.
        refused: The bodies that it refuses now.
        unacceptable: The bodies that it will never accept.
        handle: Called for each message that arrives, like its consumer.
    """

    crash: CrashPoint = field(default_factory=CrashPoint)
    arrived: list[tuple[OutgoingMessage, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unacceptable: set[str] = field(default_factory=set)
    handle: Callable[[OutgoingMessage], None] = lambda _message: None

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:
        def accept() -> None:
            for message in batch:
                deduplication_id = f"{message.head.id}#{attempt}"
                if message.body not in self.refused | self.unacceptable and deduplication_id not in self.seen:
                    self.seen.add(deduplication_id)
                    self.arrived.append((message, deduplication_id))
                    self.handle(message)

        self.crash.call(accept)
        return {
            message: SendFailure("Invalid", permanent=True)
            if message.body in self.unacceptable
            else SendFailure("Busy")
            for message in batch
            if message.body in self.refused | self.unacceptable
        }

    def bodies(self) -> list[str]:
        return [message.body for message, _ in self.arrived]
