"""Replays recorded events to one consumer: reads the log, keeps each order's order, sends, remembers how far it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from functions.history.reading import Logged, Reader
from ops.checkpoint import Checkpoint, Phase, Progress
from ops.sending import Sender
from ops.sequence import Sequencer, Watermark, causal
from tidings.relay import Entry, Head

CHUNK = 200
"""Messages sent between two checkpoints. These, and what `causal` holds, may be sent again when it goes on."""

READ_CHUNK = 10_000
"""Events read between two checkpoints, however few of them were sent."""


@dataclass(frozen=True)
class Selection:
    """What is replayed: recorded from `start` on and before `end`, of these types (None: all), and of one `order`."""

    start: str
    end: str
    types: frozenset[str] | None = None
    order: str | None = None

    def wants(self, logged: Logged) -> bool:
        """Whether an event that was read is to be sent."""
        return self.types is None or logged.event.type in self.types


def unwatched(_at: Logged, _sent: int) -> None:
    """For a replay that nobody watches."""


@dataclass
class Replay:
    """One replay. Without a sender it only counts; without a checkpoint it begins at the beginning whenever it is run.

    `watch` is told of each event as its turn comes, and how many messages were sent so far.
    """

    reader: Reader
    selection: Selection
    sender: Sender | None = None
    checkpoint: Checkpoint | None = None
    watch: Callable[[Logged, int], None] = unwatched
    _sent: Counter[str] = field(default_factory=Counter, init=False)

    def run(self, then: Phase | None = None) -> Progress:
        """Sends everything, and gives what was sent and what the log lacks.

        It repeats what was sent after the last checkpoint, and never leaves anything out. When all is done the
        checkpoint is removed, or kept for the phase that comes `then`.
        """
        before = (self.checkpoint and self.checkpoint.load()) or Progress()
        self._sent = Counter(before.sent)
        mark = Watermark(before.moment)
        sequencer = Sequencer(self.reader.order, self.selection.end, set(before.gaps))
        chunk: list[Entry] = []

        def flush(phase: Phase = "send") -> Progress:
            self._send(chunk)
            chunk.clear()
            progress = Progress(mark.moment, dict(self._sent), tuple(sorted(sequencer.gaps)), phase)
            if self.checkpoint:
                self.checkpoint.save(progress)
            return progress

        for read, each in enumerate(causal(mark.begin(each) for each in self._events(before.moment)), 1):
            chunk += (entry_of(event) for event in sequencer.follow(each) if self.selection.wants(event))
            mark.done(each.event.id)
            self.watch(each, self._sent.total() + len(chunk))
            if len(chunk) >= CHUNK or read % READ_CHUNK == 0:
                flush()
        progress = flush(then or "send")
        if self.checkpoint and not then:
            self.checkpoint.remove()
        return progress

    def _events(self, after: str) -> Iterator[Logged]:
        """What there is to read, oldest first, beginning after the moment of the last checkpoint."""
        selection = self.selection
        events: Iterable[Logged]
        if selection.order is None:
            events = self.reader.read(max(selection.start, after), selection.end)
        else:
            found = self.reader.order(selection.order)
            events = (each for each in found if selection.start <= each.moment < selection.end)
        return (each for each in events if each.moment > after)

    def _send(self, entries: list[Entry]) -> None:
        if self.sender:
            self.sender.send(entries)
        self._sent.update(entry.head.type for entry in entries)


def entry_of(logged: Logged) -> Entry:
    """The message that the topic would deliver."""
    event = logged.event
    return Entry(Head(event.id, event.type, event.subject), logged.body)
