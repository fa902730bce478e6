"""The ledger in memory. What can go wrong with a real one's transactions can be brought about in this one."""

from collections import deque
from collections.abc import Mapping, Sequence

from tests.simulation.ports import ledger
from tests.unit.memory import Mishap
from tidings.item import Attributes
from tidings.ledger import Tally
from tidings.table import Write


class MemoryLedger(ledger.MemoryLedger):
    """Orders and counters; it counts readings and transactions. `mishaps` befall its next transactions, in turn.

    `broken` are orders for whose sake every transaction that has one of them fails, and `unreadable` every reading.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[list[str]] = []
        self.transactions: list[tuple[list[str], list[Tally]]] = []
        self.mishaps: deque[Mishap] = deque()
        self.broken: set[str] = set()
        self.unreadable: set[str] = set()
        self.attempts = 0

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        self.reads.append(list(orders))
        if self.unreadable.intersection(orders):
            raise TimeoutError("no answer")
        return super().read(orders)

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        self.attempts += 1

        def write() -> None:
            if self.broken.intersection(write.order for write in writes):
                raise TimeoutError("no answer")
            super(MemoryLedger, self).commit(writes, tallies)
            self.transactions.append(([write.order for write in writes], list(tallies)))

        if self.mishaps:
            self.mishaps.popleft()(write)
        else:
            write()

    def shards(self) -> set[str]:
        return {partition.rpartition("#")[2] for partition, _, _ in self.numbers}
