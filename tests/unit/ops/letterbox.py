"""Queues in memory, as SQS has them: hidden messages, groups that wait, ids that are swallowed; and crashes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ops.failure import Failure
from ops.letters import Letter
from ops.quiet import Held
from ops.redriving import BATCH
from ops.sending import Sending
from tidings.relay import Entry


class CrashError(BaseException):
    """The command's process ends here."""


@dataclass
class Fuse:
    """Ends the process at the n-th call, before it or after it; a process that has ended makes no more calls."""

    at: int = 0
    after: bool = False
    calls: int = 0
    blown: bool = False

    def call(self, what: Callable[[], None]) -> None:
        if self.blown:
            raise CrashError
        self.calls += 1
        self.blown = self.calls == self.at
        if self.blown and not self.after:
            raise CrashError
        what()
        if self.blown:
            raise CrashError


@dataclass
class MemoryLetters:
    """A queue of failures. `hidden` are the ids of letters in somebody's hands."""

    fuse: Fuse = field(default_factory=Fuse)
    stored: list[Letter] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    receipts: int = 0
    stuck: set[str] = field(default_factory=set)

    def add(self, body: str, group: str | None = None, **attributes: str) -> None:
        number = len(self.stored) + self.receipts
        self.stored.append(Letter(f"letter-{number}", "", body, 1_700_000_000_000 + number, group, attributes))

    def receive(self) -> Sequence[Letter]:
        taken: list[Letter] = []
        self.fuse.call(lambda: taken.extend(self._take()))
        return taken

    def _take(self) -> list[Letter]:
        locked = {letter.group for letter in self.stored if letter.group and letter.id in self.hidden}
        free = [each for each in self.stored if each.id not in self.hidden and each.group not in locked][:BATCH]
        self.hidden |= {letter.id for letter in free}
        self.receipts += 1
        return [replace(letter, receipt=f"receipt-{self.receipts}") for letter in free]

    def delete(self, letters: Sequence[Letter]) -> None:
        gone = {letter.id for letter in letters} - self.stuck

        def delete() -> None:
            self.stored = [letter for letter in self.stored if letter.id not in gone]
            self.hidden -= gone

        self.fuse.call(delete)
        if len(gone) < len(letters):
            raise Failure("some could not be deleted")

    def release(self, letters: Sequence[Letter]) -> None:
        self.fuse.call(lambda: self.hidden.difference_update(letter.id for letter in letters))

    def held(self) -> Held:
        return Held(len(self.stored) - len(self.hidden), len(self.hidden))

    def later(self) -> None:
        """The time is over for which letters were hidden."""
        self.hidden.clear()

    def bodies(self) -> list[str]:
        return [letter.body for letter in self.stored]


@dataclass
class MemoryOutlet:
    """A consumer's queue, or the topic: it swallows an id that it has seen. `refuse` are bodies that it does not take.

    `handles` is called for each message that arrives, as its consumer would be.
    """

    fuse: Fuse = field(default_factory=Fuse)
    arrived: list[Sending] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    refuse: set[str] = field(default_factory=set)
    handles: Callable[[Entry], None] = lambda _entry: None

    def send(self, batch: Sequence[Sending]) -> Mapping[Entry, str]:
        def take() -> None:
            for sending in batch:
                if sending.entry.body not in self.refuse and sending.deduplication not in self.seen:
                    self.seen.add(sending.deduplication)
                    self.arrived.append(sending)
                    self.handles(sending.entry)

        self.fuse.call(take)
        return {sending.entry: "Busy" for sending in batch if sending.entry.body in self.refuse}

    def bodies(self) -> list[str]:
        return [sending.entry.body for sending in self.arrived]
