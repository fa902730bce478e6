"""The replay of recorded events to one consumer: reads the log, resequences it, sends, and keeps a checkpoint."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tidings.core.entity import EventHead
from tidings.recovery.checkpoint import Checkpoint, Phase, ReplayProgress
from tidings.recovery.ports import EventLog, LoggedEvent, OutgoingMessage, UnreadableEvent
from tidings.recovery.resequencer import Resequencer, Watermark, sort_causally
from tidings.recovery.sender import Sender

SEND_CHUNK = 200
"""Messages sent between two checkpoints. After a break these, and the resequencer's window, may be sent again."""

READ_CHUNK = 10_000
"""Events read between two checkpoints, however few of them are sent."""


@dataclass(frozen=True)
class ReplaySelection:
    """The events to replay.

    Attributes:
        start: The time (RFC 3339) or position of the first.
        end: The time (RFC 3339) or position before which they were recorded.
        types: Their types; None for all.
        subject: The only entity; None for all.
    """

    start: str
    end: str
    types: frozenset[str] | None = None
    subject: str | None = None

    def includes(self, logged: LoggedEvent) -> bool:
        """Return whether an event that was read is to be sent."""
        return self.types is None or logged.event.type in self.types


@dataclass(frozen=True)
class ReplayState:
    """The state of a running replay.

    Attributes:
        recorded: When the event that was read last was recorded, in milliseconds since 1970.
        sent: Number of messages sent so far, by earlier runs of the same command too.
        total: Number of messages in all; None until all events are read.
    """

    recorded: int
    sent: int
    total: int | None = None


def ignore_state(_state: ReplayState) -> None:
    """Ignore the state of a replay."""


@dataclass
class Replay:
    """One replay.

    Attributes:
        log: The event log.
        selection: The events to replay.
        sender: Sends the messages; None only counts them.
        checkpoint: Keeps the progress; None begins at the beginning on each run.
        watch: Receives the state after each event that is read, and after each batch of messages that is sent.
    """

    log: EventLog
    selection: ReplaySelection
    sender: Sender | None = None
    checkpoint: Checkpoint | None = None
    watch: Callable[[ReplayState], None] = ignore_state
    _sent: Counter[str] = field(default_factory=Counter, init=False)
    _failed: dict[str, str] = field(default_factory=dict, init=False)
    _recorded: int = field(default=0, init=False)
    _sending: int = field(default=0, init=False)
    _total: int | None = field(default=None, init=False)

    def run(self, then: Phase | None = None) -> ReplayProgress:
        """Send all selected events. Repeat those sent after the last checkpoint, and omit none.

        An event that cannot be sent is reported, and holds up no other.

        Args:
            then: The phase of a rebuild that follows. Without one, the checkpoint is removed at the end.

        Returns:
            The number of messages sent, the events that cannot be sent, and the gaps found in the log.
        """
        before = (self.checkpoint and self.checkpoint.load()) or ReplayProgress()
        self._sent, self._failed = Counter(before.sent), dict(before.failed)
        watermark = Watermark(before.position)
        resequencer = Resequencer(self._read_entity, self.selection.end, set(before.gaps))
        chunk: list[OutgoingMessage] = []

        def flush(phase: Phase = "send") -> ReplayProgress:
            self._send(chunk)
            chunk.clear()
            gaps = tuple(sorted(gap for gap in resequencer.gaps if gap.event not in self._failed))
            progress = ReplayProgress(watermark.position, dict(self._sent), gaps, phase, dict(self._failed))
            if self.checkpoint:
                self.checkpoint.save(progress)
            return progress

        events = (watermark.begin(logged) for logged in self._events(before.position))
        for read, logged in enumerate(sort_causally(events), start=1):
            chunk += (message_of(event) for event in resequencer.follow(logged) if self.selection.includes(event))
            watermark.finish(logged.event.id)
            self._recorded = logged.recorded
            self._report()
            if len(chunk) >= SEND_CHUNK or read % READ_CHUNK == 0:
                flush()
        self._total = self._sent.total() + len(chunk)
        progress = flush(then or "send")
        if self.checkpoint and not then:
            self.checkpoint.remove()
        return progress

    def _events(self, after: str) -> Iterator[LoggedEvent]:
        """Iterate over the events to read, by position, after the position of the last checkpoint."""
        selection = self.selection
        events: Iterable[LoggedEvent]
        if selection.subject is None:
            events = self._readable(self.log.read(max(selection.start, after), selection.end))
        else:
            found = self._read_entity(selection.subject)
            events = (logged for logged in found if selection.start <= logged.position < selection.end)
        return (logged for logged in events if logged.position > after)

    def _read_entity(self, subject: str) -> Iterator[LoggedEvent]:
        return self._readable(self.log.read_entity(subject))

    def _readable(self, records: Iterable[LoggedEvent | UnreadableEvent]) -> Iterator[LoggedEvent]:
        """Iterate over the events that can be read, and note the others that would be sent."""
        for record in records:
            if isinstance(record, LoggedEvent):
                yield record
            elif not record.position or self.selection.start <= record.position < self.selection.end:
                self._failed[record.id] = record.reason

    def _send(self, messages: list[OutgoingMessage]) -> None:
        refused = self.sender.send(messages, self._count) if self.sender else {}
        self._failed.update((message.head.id, reason) for message, reason in refused.items())
        self._sent.update(message.head.type for message in messages if message not in refused)
        self._sending = 0
        self._report()

    def _count(self, accepted: int) -> None:
        self._sending += accepted
        self._report()

    def _report(self) -> None:
        self.watch(ReplayState(self._recorded, self._sent.total() + self._sending, self._total))


def message_of(logged: LoggedEvent) -> OutgoingMessage:
    """Return the message that the topic would deliver."""
    event = logged.event
    return OutgoingMessage(EventHead(event.id, event.type, event.subject), logged.body)
