"""A batch's reactions, where many orders adjust the same item: what they ask of it is asked in one transaction.

A transaction holds its items while it lasts, so that an item adjusted once an order takes a few dozen orders a second,
however many consumers there are. Asked together, a batch of orders is one adjustment.

Only bets are put together, since they need no reading. Whatever comes of a transaction is told to its orders' own
reactions, which then find their event handled, or decide with that in view, or begin from nothing: all that is promised
of a reaction stands on those alone.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from tidings.consumer import React
from tidings.decisions import Adjust, Refused
from tidings.errors import LostRaceError
from tidings.events import Event
from tidings.log import logger
from tidings.reactor import OrderReactor, Proposal, Reactor
from tidings.table import MAX_ACTIONS, MAX_BYTES, ConflictError, LostError, RefusedError

MAX_TRIES = 30
"""How often a batch's orders try to get hold of what they share, before they go back to the queue."""

S = TypeVar("S")
Proposals = Sequence[Proposal[S]]


# The plan


def sharing(proposals: Iterable[Proposal[S]]) -> list[list[Proposal[S]]]:
    """The proposals in groups, of which no two adjust the same item; whatever shares nothing is left out."""
    groups: list[tuple[set[str], list[Proposal[S]]]] = []
    for proposal in proposals:
        keys, members = {adjust.key for adjust in proposal.adjusts}, [proposal]
        apart = []
        for others in groups:
            if keys.isdisjoint(others[0]):
                apart.append(others)
            else:
                keys, members = keys | others[0], others[1] + members
        groups = [*apart, (keys, members)]
    return [members for _, members in groups if len(members) > 1]


def fitting(proposals: Iterable[Proposal[S]]) -> Iterator[list[Proposal[S]]]:
    """The proposals in as few transactions as take them, in their order."""
    chosen: list[Proposal[S]] = []
    keys: set[str] = set()
    size = 0
    for proposal in proposals:
        own, weight = {adjust.key for adjust in proposal.adjusts}, len(msgspec.json.encode(proposal.write.item))
        if chosen and (len(chosen) + 1 + len(keys | own) > MAX_ACTIONS or size + weight > MAX_BYTES):
            yield chosen
            chosen, keys, size = [], set(), 0
        chosen.append(proposal)
        keys |= own
        size += weight
    if chosen:
        yield chosen


def summed(proposals: Iterable[Proposal[S]]) -> list[Adjust]:
    """What they all ask of each item. Its numbers must be at least what they ask for one after another, added up."""
    adds: dict[str, Counter[str]] = {}
    leasts: dict[str, Counter[str]] = {}
    for proposal in proposals:
        for adjust in proposal.adjusts:
            adds.setdefault(adjust.key, Counter()).update(adjust.add)
            leasts.setdefault(adjust.key, Counter()).update(adjust.at_least)
    return [Adjust(key, add, leasts[key]) for key, add in adds.items()]


@dataclass(frozen=True)
class Shares(Generic[S]):
    """Who gets what of items that do not suffice for all: first come, first served.

    `now` are those for whom there is enough after the ones before them, `later` those for whom there would be enough
    alone, `never` those for whom there is not, each with what it is short of.
    """

    now: list[Proposal[S]]
    later: list[Proposal[S]]
    never: list[tuple[Proposal[S], Refused]]


def shared_out(proposals: Iterable[Proposal[S]], refused: Refused) -> Shares[S]:
    """Shares out what was found of the items that were refused; of all others there was enough."""
    found = {adjust.key: item for adjust, item in refused.adjusts}
    left = {
        (adjust.key, name): int(item[name]["N"]) if item and name in item else -math.inf
        for adjust, item in refused.adjusts
        for name in adjust.at_least
    }
    whole = dict(left)
    shares: Shares[S] = Shares([], [], [])
    for proposal in proposals:
        short = [adjust for adjust in proposal.adjusts if not _suffices(whole, adjust)]
        if short:
            shares.never.append((proposal, Refused(tuple((adjust, found[adjust.key]) for adjust in short))))
        elif all(_suffices(left, adjust) for adjust in proposal.adjusts):
            shares.now.append(proposal)
            for adjust in proposal.adjusts:
                for name, by in adjust.add.items():
                    if (adjust.key, name) in left:
                        left[adjust.key, name] += by
        else:
            shares.later.append(proposal)
    return shares


def _suffices(numbers: dict[tuple[str, str], float], adjust: Adjust) -> bool:
    return all(numbers.get((adjust.key, name), math.inf) >= least for name, least in adjust.at_least.items())


# Carrying it out


class BatchReactor(Generic[S]):
    """A service's reactions to a batch; those that share items are committed together, groups of them at once.

    `prepare` does so; `open_order` gives the reaction to the events of one order, as a reactor would.
    """

    def __init__(self, reactor: Reactor[S], executor: Executor) -> None:
        self._reactor = reactor
        self._executor = executor
        self._orders: dict[str, OrderReactor[S]] = {}
        self._crowded: set[str] = set()

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Commits together what the first events of the batch's orders ask of items that they share."""
        firsts: dict[str, Event[Any]] = {}
        for event in events:
            firsts.setdefault(event.subject, event)
        self._orders, self._crowded = {order: self._reactor.order(order) for order in firsts}, set()
        if len(firsts) > 1:
            proposals = (self._propose(event) for event in firsts.values())
            groups = sharing(proposal for proposal in proposals if proposal)
            self._crowded = {order for crowded in self._executor.map(self._commit, groups) for order in crowded}

    def open_order(self, order: str) -> React:
        """The reaction to one order's events."""
        if order in self._crowded:
            return _crowded_out
        return self._orders.get(order, self._reactor.order(order)).react

    def _propose(self, event: Event[Any]) -> Proposal[S] | None:
        try:
            return self._orders[event.subject].propose(event)
        except Exception:  # noqa: BLE001 - the order's own reaction meets it again, and the consumer hears of it
            return None

    def _commit(self, proposals: Proposals[S]) -> set[str]:
        """Commits as many of them as can be; gives the orders for which there was no getting through."""
        todo = list(fitting(proposals))
        tries = 0
        while todo and tries < MAX_TRIES:
            together = todo.pop()
            try:
                self._reactor.table.commit([proposal.write for proposal in together], summed(together))
            except LostError as lost:
                todo.append(_others(together, lost))
            except RefusedError as refused:
                shares = shared_out(together, refused.refused)
                for proposal, short in shares.never:
                    proposal.order.refuse(short)
                tries += 1
                todo += [shares.later, shares.now]
            except ConflictError:
                self._reactor.pause(tries)
                tries += 1
                todo.append(together)
            except Exception:
                # Whether it was done is unknown; each order's own reaction finds out.
                logger.exception("could not commit orders together")
            else:
                for proposal in together:
                    proposal.order.accept(proposal.item)
            todo = [some for some in todo if len(some) > 1]
        return {proposal.write.order for some in todo for proposal in some}


def _others(proposals: Proposals[S], lost: LostError) -> list[Proposal[S]]:
    for proposal in proposals:
        if proposal.write.order in lost.found:
            proposal.order.find(lost.found[proposal.write.order])
    return [proposal for proposal in proposals if proposal.write.order not in lost.found]


def _crowded_out(event: Event[Any], _deadline: int) -> None:
    raise LostRaceError(f"too many others adjust what order {event.subject} asks for")
