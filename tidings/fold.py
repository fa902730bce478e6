"""Folds many events into few counters: a whole batch in as few transactions as fit.

What an order counts for, its share, is a function of its state. A transaction stores the orders' new states, with
the events that made them handled, and adds to the counters the differences of their shares. So the counters are at
all times the sum of all orders' shares: where the states converge, the counters do, and a duplicate adds nothing.

Counters are sharded: each transaction adds to the rows of one shard, chosen at random, so that those of several
consumers seldom meet in a row. Who reads sums the shards.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from tidings.consumer import React
from tidings.decisions import Commit, Ignore
from tidings.errors import LostRaceError
from tidings.events import Event
from tidings.item import Attributes, Cause, Item, handle
from tidings.ledger import Ledger, Tally, partition
from tidings.reactor import brief_pause
from tidings.service import Service
from tidings.table import MAX_ACTIONS, MAX_BYTES, ConflictError, LostError, Write

MAX_TRIES = 6
"""How often a transaction is tried again with the same orders, before they go into two smaller ones."""

MAX_FAILURES = 60
"""Failed transactions and readings of a batch, after which what is not folded goes back to the queue."""

OWED = "owed"

S = TypeVar("S")


class Cell(NamedTuple):
    """One number among the counters: `name` in a row of a group. A group's shards are partitions of their own."""

    group: str
    row: str
    name: str


Share = Mapping[Cell, int]
"""What an order counts for."""


def from_zero(_cell: Cell) -> int:
    """Where most numbers count from."""
    return 0


@dataclass(frozen=True)
class Counting(Generic[S]):
    """How a service's orders are counted: what one counts for by its state, and among how many shards.

    `start` is the number that a cell counts from, always the same.
    """

    share: Callable[[S], Share]
    shards: int = 1
    start: Callable[[Cell], int] = from_zero


# The plan


@dataclass(frozen=True)
class Entry(Generic[S]):
    """An order as the ledger has it. `owed` is what of its share is not in the counters yet.

    That is nothing but where a change touches more rows than a transaction may: the rest goes with the next one.
    """

    item: Item[S]
    owed: Share = field(default_factory=dict)


@dataclass(frozen=True)
class Change(Generic[S]):
    """What becomes of one order, and what it adds to the counters in the same transaction."""

    write: Write
    add: Share
    after: Entry[S]

    @property
    def rows(self) -> set[tuple[str, str]]:
        """The rows that it adds to."""
        return {cell[:2] for cell in self.add}

    @property
    def size(self) -> int:
        """The bytes of the order's item, about."""
        return len(msgspec.json.encode(self.write.item))


def due(before: Share, after: Share, owed: Share) -> Share:
    """What must be added to the counters when an order's share changes, and something was owed of the one before."""
    sums = Counter(after)
    sums.update(owed)
    sums.subtract(before)
    return {cell: by for cell, by in sums.items() if by}


def affordable(share: Share) -> tuple[Share, Share]:
    """What of it goes into one transaction with its order's item, and what is left."""
    rows = list(dict.fromkeys(cell[:2] for cell in share))
    first = set(rows[: MAX_ACTIONS - 1])
    return (
        {cell: by for cell, by in share.items() if cell[:2] in first},
        {cell: by for cell, by in share.items() if cell[:2] not in first},
    )


def pack(changes: Iterable[Change[S]]) -> list[list[Change[S]]]:
    """Puts changes together into transactions, each into that where it needs the fewest new rows."""
    packed: list[_Transaction[S]] = []
    for change in changes:
        fitting = [transaction for transaction in packed if transaction.takes(change)]
        if not fitting:
            fitting = [_Transaction()]
            packed += fitting
        min(fitting, key=lambda transaction: len(change.rows - transaction.rows)).put(change)
    return [transaction.changes for transaction in packed]


@dataclass
class _Transaction(Generic[S]):
    changes: list[Change[S]] = field(default_factory=list)
    rows: set[tuple[str, str]] = field(default_factory=set)
    size: int = 0

    def takes(self, change: Change[S]) -> bool:
        actions = len(self.changes) + 1 + len(self.rows | change.rows)
        return actions <= MAX_ACTIONS and self.size + change.size <= MAX_BYTES

    def put(self, change: Change[S]) -> None:
        self.changes.append(change)
        self.rows |= change.rows
        self.size += change.size


def tallies(changes: Iterable[Change[S]], shard: int, start: Callable[[Cell], int]) -> list[Tally]:
    """What a transaction's changes add to the rows of one shard, each row once."""
    rows: dict[tuple[str, str], Counter[Cell]] = {}
    for change in changes:
        for cell, by in change.add.items():
            rows.setdefault(cell[:2], Counter())[cell] += by
    return [
        Tally(
            partition(group, shard),
            row,
            add={cell.name: by for cell, by in sums.items()},
            start={cell.name: first for cell in sums if (first := start(cell))},
        )
        for (group, row), sums in rows.items()
    ]


# Carrying it out


class Fold(Generic[S]):
    """A service's events, folded. Its decisions are those of any service, but announce nothing and act nowhere.

    `prepare` folds all events of a batch together; `open_order` tells of each event what came of it, or folds it
    by itself where it was not prepared.
    """

    def __init__(
        self,
        service: Service[S],
        counting: Counting[S],
        ledger: Ledger,
        *,
        pause: Callable[[int], None] = brief_pause,
        choose: Callable[[int], int] = random.randrange,
    ) -> None:
        self.service = service
        self.counting = counting
        self.ledger = ledger
        self.pause = pause
        self.choose = choose
        self._outcomes: Mapping[str, Exception | None] = {}

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Folds a batch's events, in as few transactions as fit."""
        self._outcomes = {}
        self._outcomes = self.fold(events)

    def open_order(self, _order: str) -> React:
        """The reaction to an order's events: raises what an event failed with."""
        return self._react

    def fold(self, events: Sequence[Event[Any]]) -> Mapping[str, Exception | None]:
        """Folds these events; by event id, what each failed with, or None."""
        return _Batch(self, events).run()

    def _react(self, event: Event[Any], _deadline: int) -> None:
        prepared = self._outcomes
        outcomes = prepared if event.id in prepared else self.fold([event])
        if error := outcomes[event.id]:
            raise error


class _Batch(Generic[S]):
    """A batch on its way into the ledger. Whatever fails is tried again, at last each order by itself."""

    def __init__(self, fold: Fold[S], events: Sequence[Event[Any]]) -> None:
        self._fold = fold
        self._codec = fold.service.codec
        self._events: dict[str, list[Event[Any]]] = {}
        for event in events:
            self._events.setdefault(event.subject, []).append(event)
        # An order whose first event is a bet is taken for new; a transaction that loses the bet brings what there is.
        self._found: dict[str, Attributes | None] = {
            order: None for order, events in self._events.items() if fold.service.bets_on(events[0].type)
        }
        self._entries: dict[str, Entry[S]] = {}
        self._outcomes: dict[str, Exception | None] = dict.fromkeys((event.id for event in events), None)
        self._failures = 0

    def run(self) -> Mapping[str, Exception | None]:
        todo = [(list(self._events), 0)]
        while todo:
            orders, tries = todo.pop()
            if orders:
                todo += self._try(orders, tries)
        return self._outcomes

    def _try(self, orders: Sequence[str], tries: int) -> list[tuple[list[str], int]]:
        """Folds these orders; what is left to do, with how often it has been tried."""
        unknown = [order for order in orders if order not in self._found]
        try:
            found = self._fold.ledger.read(unknown) if unknown else {}
        except Exception as error:  # noqa: BLE001 - it may be for one order's sake: no other must fail for that
            return self._split(orders, error)
        self._found |= {order: found.get(order) for order in unknown}
        changes = []
        for order in orders:
            try:
                change = self._decide(order)
            except Exception as error:  # noqa: BLE001 - this order alone fails
                self._fail([order], error)
            else:
                changes += [change] if change else []
        return [again for transaction in pack(changes) for again in self._commit(transaction, tries)]

    def _commit(self, changes: Sequence[Change[S]], tries: int) -> list[tuple[list[str], int]]:
        fold = self._fold
        orders = [change.write.order for change in changes]
        adds = tallies(changes, fold.choose(fold.counting.shards), fold.counting.start)
        try:
            fold.ledger.commit([change.write for change in changes], adds)
        except LostError as lost:
            self._found |= lost.found
            for order in lost.found:
                del self._entries[order]
            return self._again(orders, tries)
        except ConflictError:
            fold.pause(tries)
            return self._again(orders, tries)
        except Exception as error:  # noqa: BLE001 - it may be for one order's sake: no other must fail for that
            # Should it have been done nevertheless, the next one loses the race, and finds these events handled.
            return self._split(orders, error)
        self._entries |= {change.write.order: change.after for change in changes}
        return [([change.write.order for change in changes if change.after.owed], 0)]

    def _again(self, orders: list[str], tries: int) -> list[tuple[list[str], int]]:
        if tries + 1 < MAX_TRIES:
            self._failures += 1
            if self._failures < MAX_FAILURES:
                return [(orders, tries + 1)]
        return self._split(orders, LostRaceError(f"others kept changing what {len(orders)} orders count in"))

    def _split(self, orders: Sequence[str], error: Exception) -> list[tuple[list[str], int]]:
        """Two smaller groups, so that what fails for one order's sake is done for the others."""
        self._failures += 1
        if len(orders) == 1 or self._failures >= MAX_FAILURES:
            self._fail(orders, error)
            return []
        half = len(orders) // 2
        return [(list(orders[:half]), 0), (list(orders[half:]), 0)]

    def _fail(self, orders: Sequence[str], error: Exception) -> None:
        for order in orders:
            for event in self._events[order]:
                self._outcomes[event.id] = self._outcomes[event.id] or error

    def _decide(self, order: str) -> Change[S] | None:
        """What becomes of an order by its events; None where nothing does."""
        before = self._entry(order)
        item = before.item
        for event in self._events[order]:
            self._outcomes[event.id] = None
            try:
                item = self._handled(item, event)
            except Exception as error:  # noqa: BLE001 - this event alone fails
                self._outcomes[event.id] = error
        if item is before.item and not before.owed:
            return None
        add, owed = affordable(due(self._share(before.item), self._share(item), before.owed))
        return self._change(before, Entry(replace(item, version=before.item.version + 1), owed), add)

    def _handled(self, item: Item[S], event: Event[Any]) -> Item[S]:
        cause = Cause.of(event)
        if cause.key in item.handled:
            return item
        decision = self._fold.service.decisions[event.type](item, event, None)
        if isinstance(decision, Ignore):
            return item
        if not isinstance(decision, Commit) or decision.announce or decision.adjust:
            raise TypeError(f"what is folded is a new state and nothing else, and not {decision!r}")
        return handle(replace(item, state=decision.state), cause)

    def _share(self, item: Item[S]) -> Share:
        return {} if item.state is None else self._fold.counting.share(item.state)

    def _change(self, before: Entry[S], after: Entry[S], add: Share) -> Change[S]:
        extra = {OWED: msgspec.json.encode(list(after.owed.items())).decode()} if after.owed else {}
        attributes = self._codec.encode(after.item, announces=False, extra=extra)
        return Change(Write(after.item.order, attributes, before.item.version), add, after)

    def _entry(self, order: str) -> Entry[S]:
        if order not in self._entries:
            found = self._found[order]
            self._entries[order] = self._decode(found) if found else Entry(Item(order))
        return self._entries[order]

    def _decode(self, attributes: Attributes) -> Entry[S]:
        text = attributes[OWED]["S"] if OWED in attributes else "[]"
        owed = msgspec.json.decode(text, type=list[tuple[Cell, int]])
        return Entry(self._codec.decode(attributes), dict(owed))
