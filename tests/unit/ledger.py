"""The ledger in memory. What can go wrong with a real one's transactions can be brought about in this one."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from tests.unit.memory import Mishap
from tidings.item import Attributes
from tidings.ledger import Tally
from tidings.table import MAX_ACTIONS, LostError, Write


class MemoryLedger:
    """Orders and counters; it counts readings and transactions. `mishaps` befall its next transactions, in turn.

    `broken` are orders for whose sake every transaction that has one of them fails, and `unreadable` every reading.
    """

    def __init__(self) -> None:
        self.orders: dict[str, Attributes] = {}
        self.numbers: Counter[tuple[str, str, str]] = Counter()
        self.reads: list[list[str]] = []
        self.transactions: list[tuple[list[str], list[Tally]]] = []
        self.mishaps: deque[Mishap] = deque()
        self.broken: set[str] = set()
        self.unreadable: set[str] = set()
        self.attempts = 0

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        assert len(orders) == len(set(orders))
        self.reads.append(list(orders))
        if self.unreadable.intersection(orders):
            raise TimeoutError("no answer")
        return {order: self.orders[order] for order in orders if order in self.orders}

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        self.attempts += 1

        def write() -> None:
            self._write(writes, tallies)

        if self.mishaps:
            self.mishaps.popleft()(write)
        else:
            write()

    def sums(self) -> dict[tuple[str, str, str], int]:
        """Each number over all shards, by group, row and name."""
        sums: Counter[tuple[str, str, str]] = Counter()
        for (partition, row, name), n in self.numbers.items():
            sums[partition.rpartition("#")[0], row, name] += n
        return {cell: n for cell, n in sums.items() if n}

    def shards(self) -> set[str]:
        return {partition.rpartition("#")[2] for partition, _, _ in self.numbers}

    def _write(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        places = [write.order for write in writes] + [(tally.partition, tally.row) for tally in tallies]
        assert len(places) == len(set(places)) <= MAX_ACTIONS, "as DynamoDB asks for"
        if self.broken.intersection(write.order for write in writes):
            raise TimeoutError("no answer")
        if lost := {write.order: self.orders.get(write.order) for write in writes if self._is_lost(write)}:
            raise LostError(lost)
        for write in writes:
            self.orders[write.order] = {"pk": {"S": write.order}, **write.item}
        for cell, by, start in _cells(tallies):
            self.numbers[cell] = self.numbers.get(cell, start) + by
        self.transactions.append(([write.order for write in writes], list(tallies)))

    def _is_lost(self, write: Write) -> bool:
        found = self.orders.get(write.order)
        return (int(found["version"]["N"]) if found else 0) != write.expected


def _cells(tallies: Iterable[Tally]) -> Iterable[tuple[tuple[str, str, str], int, int]]:
    for tally in tallies:
        for name, by in tally.add.items():
            yield (tally.partition, tally.row, name), by, tally.start.get(name, 0)
