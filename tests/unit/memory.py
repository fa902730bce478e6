"""The runtime's ports in memory. Whatever can go wrong with a real one can be brought about in these."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from tests.simulation.ports import table
from tidings.consumer import DeadLetter
from tidings.decisions import Adjust
from tidings.item import Attributes
from tidings.relay import Entry
from tidings.table import ConflictError, Write

P = ParamSpec("P")
T = TypeVar("T")

Do = Callable[[], None]
Mishap = Callable[[Do], None]
"""What becomes of a write, which it is given."""


def fails(error: BaseException) -> Mishap:
    """The write is not done."""

    def mishap(_write: Do) -> None:
        raise error

    return mishap


def unanswered(write: Do) -> None:
    """The write is done, and nobody hears of it."""
    write()
    raise TimeoutError("no answer")


def unacknowledged(write: Do) -> None:
    """The write is done, its answer is lost, and the client by itself writes once more."""
    write()
    write()


def conflicts(_write: Do) -> None:
    """Another transaction holds the item."""
    raise ConflictError("a transaction holds the item")


def comes_after(another: Do) -> Mishap:
    """Another write comes first."""

    def mishap(write: Do) -> None:
        another()
        write()

    return mishap


class MemoryTable(table.MemoryTable):
    """A table; it counts the readings, and keeps each item written, and the orders of each transaction.

    `mishaps` befall its next writes, in turn.
    """

    def __init__(self, *items: Attributes) -> None:
        super().__init__()
        self.items |= {item["pk"]["S"]: item for item in items}
        self.reads = 0
        self.writes: list[Attributes] = []
        self.transactions: list[list[str]] = []
        self.mishaps: deque[Mishap] = deque()

    def get(self, key: str) -> Attributes | None:
        self.reads += 1
        return super().get(key)

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        def write() -> None:
            super(MemoryTable, self).commit(writes, adjusts)
            self.writes += [write.item for write in writes]
            self.transactions += [[write.order for write in writes]] if adjusts else []

        if self.mishaps:
            self.mishaps.popleft()(write)
        else:
            write()


class MemoryQueue:
    """A queue and its dead-letter queue, either of which can be out of order."""

    def __init__(self) -> None:
        self.postponed: dict[str, int] = {}
        self.buried: list[DeadLetter] = []
        self.cannot_postpone = False
        self.cannot_bury = False

    def postpone(self, delays: Mapping[str, int]) -> None:
        if self.cannot_postpone:
            raise TimeoutError("the queue does not answer")
        self.postponed.update(delays)

    def bury(self, letter: DeadLetter) -> None:
        if self.cannot_bury:
            raise TimeoutError("the dead-letter queue does not answer")
        self.buried.append(letter)


class MemoryTopic:
    """A topic: the batches it was given, and the ids of what it took. It refuses some entries, and breaks at some."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.sizes: list[int] = []
        self.taken: list[str] = []
        self.refuses: set[str] = set()
        self.breaks_at: set[str] = set()

    def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        ids = [entry.head.id for entry in entries]
        self.batches.append(ids)
        self.sizes.append(sum(len(entry.body.encode()) for entry in entries))
        if self.breaks_at.intersection(ids):
            raise TimeoutError("the topic does not answer")
        self.taken += [entry for entry in ids if entry not in self.refuses]
        return [entry for entry in entries if entry.head.id in self.refuses]


class AtOnce(Executor):
    """Does what is submitted at once, in the caller's own thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
