"""The batch executor: commits the entities of a batch together, in as few transactions as fit.

A transaction holds its items while it lasts, so an item that is incremented once an entity takes a few dozen entities a
second, however many consumers run. Committed together, a batch of entities is one increment.

Each entity's unit of work learns the outcome: it then finds its events handled, decides on the failed condition, or
begins anew. The guarantees of a handler rest on the unit of work alone, and an entity that does not fit into a
transaction, or whose transaction failed, is committed by itself.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from tidings.core.decisions import ConditionFailed, Increment, sum_increments
from tidings.core.entity import StoredEntity
from tidings.core.errors import ContentionError
from tidings.core.event import Event
from tidings.core.ports import (
    MAX_ACTIONS,
    MAX_TRANSACTION_BYTES,
    ConditionFailedError,
    TransactionConflictError,
    VersionConflictError,
)
from tidings.core.strategy import Projection
from tidings.handling.executor import Handle, HandlerExecutor, Proposal, UnitOfWork
from tidings.handling.retries import MAX_BATCH_ATTEMPTS
from tidings.observability.log import logger

S = TypeVar("S")
Proposals = list[Proposal[S]]


# The plan


def group_by_shared_items(proposals: Iterable[Proposal[S]]) -> list[Proposals[S]]:
    """Group the proposals so that no two groups increment the same item. Leave out proposals that share nothing."""
    groups: list[tuple[set[tuple[str, str]], Proposals[S]]] = []
    for proposal in proposals:
        items, members = {increment.item for increment in proposal.increments}, [proposal]
        apart = []
        for others in groups:
            if items.isdisjoint(others[0]):
                apart.append(others)
            else:
                items, members = items | others[0], others[1] + members
        groups = [*apart, (items, members)]
    return [members for _, members in groups if len(members) > 1]


def pack(proposals: Iterable[Proposal[S]]) -> list[Proposals[S]]:
    """Pack proposals into transactions, each into the one where it needs the fewest new items."""
    packed: list[_Transaction[S]] = []
    for proposal in proposals:
        items = {increment.item for increment in proposal.increments}
        size = len(msgspec.json.encode(proposal.write.entity))
        fitting = [transaction for transaction in packed if transaction.fits(items, size)]
        if not fitting:
            fitting = [_Transaction()]
            packed += fitting
        min(fitting, key=lambda transaction: len(items - transaction.items)).add(proposal, items, size)
    return [transaction.proposals for transaction in packed]


@dataclass
class _Transaction(Generic[S]):
    proposals: Proposals[S] = field(default_factory=list)
    items: set[tuple[str, str]] = field(default_factory=set)
    size: int = 0

    def fits(self, items: set[tuple[str, str]], size: int) -> bool:
        actions = len(self.proposals) + 1 + len(self.items | items)
        return actions <= MAX_ACTIONS and self.size + size <= MAX_TRANSACTION_BYTES

    def add(self, proposal: Proposal[S], items: set[tuple[str, str]], size: int) -> None:
        self.proposals.append(proposal)
        self.items |= items
        self.size += size


@dataclass(frozen=True)
class Allocation(Generic[S]):
    """Numbers that do not suffice for all proposals, allocated first come, first served.

    Attributes:
        now: The proposals for which there is enough after those before them.
        later: The proposals for which there would be enough if those before them took nothing.
        never: The proposals for which there is not enough, each with the conditions that fail.
    """

    now: list[Proposal[S]]
    later: list[Proposal[S]]
    never: list[tuple[Proposal[S], ConditionFailed]]


def allocate(proposals: Iterable[Proposal[S]], failed: ConditionFailed) -> Allocation[S]:
    """Allocate the numbers that were found. All items whose condition held had enough for all proposals."""
    found = {increment.item: numbers for increment, numbers in failed.failures}
    left = {
        (increment.item, name): (numbers or {}).get(name, increment.start.get(name, -math.inf))
        for increment, numbers in failed.failures
        for name in increment.at_least
    }
    whole = dict(left)
    allocation: Allocation[S] = Allocation([], [], [])
    for proposal in proposals:
        short = [increment for increment in proposal.increments if not _suffices(whole, increment)]
        if short:
            failures = tuple((increment, found[increment.item]) for increment in short)
            allocation.never.append((proposal, ConditionFailed(failures)))
        elif all(_suffices(left, increment) for increment in proposal.increments):
            allocation.now.append(proposal)
            for increment in proposal.increments:
                for name, by in increment.add.items():
                    if (increment.item, name) in left:
                        left[increment.item, name] += by
                        whole[increment.item, name] += max(by, 0)
        else:
            allocation.later.append(proposal)
    return allocation


def _suffices(numbers: Mapping[tuple[tuple[str, str], str], float], increment: Increment) -> bool:
    return all(numbers.get((increment.item, name), math.inf) >= least for name, least in increment.at_least.items())


# Carrying it out


class BatchExecutor(Generic[S]):
    """The executor of a batch, over the executor of each entity by itself."""

    def __init__(self, executor: HandlerExecutor[S], threads: Executor) -> None:
        self._executor = executor
        self._threads = threads
        self._units: dict[str, UnitOfWork[S]] = {}
        self._contended: set[str] = set()

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Commit together the entities that increment the same items; a projection's entities all together."""
        by_key: dict[str, list[Event[Any]]] = {}
        for event in events:
            by_key.setdefault(event.subject, []).append(event)
        shard = self._executor.choose_shard()
        self._units, self._contended = {key: self._executor.entity(key, shard) for key in by_key}, set()
        if len(events) > 1:
            found = self._read(by_key)
            proposals = [proposal for key, some in by_key.items() if (proposal := self._propose(key, some, found))]
            projects = isinstance(self._executor.service.strategy, Projection)
            groups = [proposals] if projects else group_by_shared_items(proposals)
            self._contended = {key for keys in self._threads.map(self._commit, groups) for key in keys}

    def open_entity(self, key: str) -> Handle:
        """Return the function that handles one entity's events, one after another."""
        if key in self._contended:
            return _raise_contention
        return (self._units.get(key) or self._executor.entity(key)).handle

    def _read(self, by_key: Mapping[str, Sequence[Event[Any]]]) -> Mapping[str, StoredEntity | None]:
        """Read the entities that their first event does not create."""
        creates = self._executor.service.creates
        keys = [key for key, events in by_key.items() if not creates(events[0].type)]
        found = self._executor.table.read(keys) if keys else {}
        return {key: found.get(key) for key in keys}

    def _propose(
        self, key: str, events: Sequence[Event[Any]], found: Mapping[str, StoredEntity | None]
    ) -> Proposal[S] | None:
        """Return the proposal of an entity, as it was found if it was read."""
        unit = self._units[key]
        try:
            if key in found:
                unit.load(found[key])
            return unit.propose(events)
        except Exception:  # noqa: BLE001 - the unit of work meets the error again and reports it to the consumer
            return None

    def _commit(self, proposals: Proposals[S]) -> set[str]:
        """Commit as many proposals as possible. Return the keys of those that lost to concurrent writers.

        A proposal that remains alone after a failed attempt is left to its unit of work.
        """
        todo = pack(proposals)
        attempts = 0
        while todo and attempts < MAX_BATCH_ATTEMPTS:
            together, *todo = todo
            again = [some for some in self._attempt(together, attempts) if len(some) > 1]
            attempts = attempts + 1 if again else 0
            todo = [*again, *todo]
        return {proposal.write.key for some in todo for proposal in some}

    def _attempt(self, together: Proposals[S], attempts: int) -> list[Proposals[S]]:
        """Commit proposals by one transaction. If it fails, return those of the transactions to attempt next."""
        increments = sum_increments(increment for proposal in together for increment in proposal.increments)
        try:
            self._executor.table.commit([proposal.write for proposal in together], increments)
        except VersionConflictError as conflict:
            others = [proposal for proposal in together if proposal.write.key not in conflict.found]
            return [others, *pack(self._decide_again(together, conflict.found))]
        except ConditionFailedError as error:
            allocation = allocate(together, error.failed)
            for proposal, failed in allocation.never:
                proposal.unit.fail_condition(failed)
            return [allocation.now, allocation.later]
        except TransactionConflictError:
            self._executor.pause(attempts)
            return [together]
        except Exception:
            # It is unknown whether the transaction was committed. Each unit of work finds out.
            logger.exception("could not commit entities together")
            return []
        for proposal in together:
            proposal.unit.accept(proposal.entity)
        return []

    def _decide_again(self, proposals: Proposals[S], found: Mapping[str, StoredEntity | None]) -> Iterator[Proposal[S]]:
        """Decide again on the entities of which another version was found."""
        for proposal in proposals:
            if proposal.write.key in found and (again := self._propose(proposal.write.key, proposal.events, found)):
                yield again


def _raise_contention(event: Event[Any], _deadline: int) -> None:
    raise ContentionError(f"too many others increment the items that {event.subject} increments")
