"""A ledger's table: orders and rows of counters, committed together."""

from collections.abc import Mapping, Sequence

from tidings.item import Attributes
from tidings.ledger import Tally
from tidings.table import MAX_ACTIONS, LostError, Write

Number = tuple[str, str, str]
"""A partition, a row and a name."""


class MemoryLedger:
    """The items of orders, and the numbers of rows."""

    def __init__(self) -> None:
        self.orders: dict[str, Attributes] = {}
        self.numbers: dict[Number, int] = {}

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        if len(orders) != len(set(orders)):
            raise ValueError("ValidationException: one key twice")
        return {order: self.orders[order] for order in orders if order in self.orders}

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        places = {write.order for write in writes} | {f"{tally.partition}/{tally.row}" for tally in tallies}
        if not len(writes) + len(tallies) == len(places) <= MAX_ACTIONS:
            raise ValueError("ValidationException: too many items, or one of them twice")
        if lost := {write.order: self.orders.get(write.order) for write in writes if self._is_lost(write)}:
            raise LostError(lost)
        for write in writes:
            self.orders[write.order] = write.item
        for tally in tallies:
            for name, by in tally.add.items():
                cell = (tally.partition, tally.row, name)
                self.numbers[cell] = self.numbers.get(cell, tally.start.get(name, 0)) + by

    def sums(self) -> dict[Number, int]:
        """Each number over all shards, by group, row and name; those that are 0 are left out."""
        sums: dict[Number, int] = {}
        for (partition, row, name), n in self.numbers.items():
            cell = (partition.rpartition("#")[0], row, name)
            sums[cell] = sums.get(cell, 0) + n
        return {cell: n for cell, n in sums.items() if n}

    def _is_lost(self, write: Write) -> bool:
        found = self.orders.get(write.order)
        return (int(found["version"]["N"]) if found else 0) != write.expected
