"""The one-write reaction: decide on an order's item, and commit state, inbox and outbox in one conditional write.

A duplicate finds its event handled and changes nothing. Of two events at once one write wins, and the other decides
again on what it then finds. A crash before the write leaves nothing, and one after it leaves everything.
"""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidings.clock import Clock, now
from tidings.decisions import Act, Adjust, Claim, Commit, Decision, Ignore, Refused
from tidings.errors import LostRaceError, RetryableError
from tidings.events import Event
from tidings.item import Attributes, Cause, Item, ItemCodec, Lease, advance, claim, handle
from tidings.service import Service
from tidings.table import ConflictError, LostError, RefusedError, Table, Write

MAX_TRIES = 20
"""How often a decision is taken again, with others writing the same item, before the message goes back."""

S = TypeVar("S")
Decide = Callable[[Item[S], Any], "Decision[S]"]
Perform = Callable[[Any], Any]


def no_effects(effect: object) -> Any:
    """The performer of a service that acts nowhere outside."""
    raise TypeError(f"this service performs no effects, and was asked for {effect!r}")


def brief_pause(tries: int) -> None:
    """Waits some milliseconds, more with each try, at random, so that those in conflict part."""
    time.sleep(random.uniform(0, min(0.2, 0.005 * 2**tries)))  # noqa: S311 - not for secrecy


@dataclass(frozen=True)
class Reactor(Generic[S]):
    """A service's reactions, over its table. `perform` does outside what `Act` and `Claim` ask for."""

    service: Service[S]
    table: Table
    perform: Perform = no_effects
    clock: Clock = now
    pause: Callable[[int], None] = brief_pause
    new_token: Callable[[], str] = lambda: uuid.uuid4().hex[:12]

    def order(self, order: str) -> "OrderReactor[S]":
        """For the events of one order, handled one after another."""
        return OrderReactor(self, order)


@dataclass(frozen=True, eq=False)
class Proposal(Generic[S]):
    """What an order's reaction would write and adjust, and the item as it would then be."""

    order: "OrderReactor[S]"
    item: Item[S]
    write: Write
    adjusts: tuple[Adjust, ...]


class OrderReactor(Generic[S]):
    """One order's item, kept between events, so that only the first of a batch reads it."""

    def __init__(self, reactor: Reactor[S], order: str) -> None:
        self._reactor = reactor
        self._codec: ItemCodec[S] = reactor.service.codec
        self._order = order
        self._item: Item[S] | None = None
        self._refused: Refused | None = None

    def propose(self, event: Event[Any]) -> Proposal[S] | None:
        """What the event asks of other items, where it is a bet; None where it asks for nothing. Nothing is written."""
        if not self._reactor.service.bets_on(event.type):
            return None
        item: Item[S] = Item(self._order)
        decision = self._decide(event)(item, None)
        if not isinstance(decision, Commit) or not decision.adjust:
            return None
        cause = Cause.of(event)
        new, attributes = self._next(item, decision, cause, Lease("", 0))
        return Proposal(self, new, Write(self._order, attributes, item.version), decision.adjust)

    def accept(self, item: Item[S]) -> None:
        """What was proposed is written."""
        self._item = item

    def find(self, attributes: Attributes | None) -> None:
        """The order's item turned out to be this one, or None."""
        self._item = self._decode(attributes)

    def refuse(self, refused: Refused) -> None:
        """What was proposed cannot be had: the next event is decided with that in view."""
        self._refused = refused

    def react(self, event: Event[Any], deadline: int) -> None:
        """Carries out the service's decision on an event.

        `deadline` is when this process will surely have ended (milliseconds since 1970): what it claims to act on
        outside is its own until then. RetryableError and whatever the ports raise mean: try again later.
        """
        self.settle(
            self._decide(event), Cause.of(event), bet=self._reactor.service.bets_on(event.type), deadline=deadline
        )

    def settle(self, decide: Decide[S], cause: Cause, *, bet: bool = False, deadline: int = 0) -> Item[S]:
        """Decides and writes until it holds, and gives the item as it then is; a bet saves the reading of a new one."""
        if self._item is None:
            self._item = Item(self._order) if bet else self.read()
        item, self._item = self._item, None  # forgotten where it fails: then nobody knows what was written
        refused, self._refused = self._refused, None
        self._item = self._settle(item, decide, cause, deadline, refused)
        return self._item

    def read(self) -> Item[S]:
        """The item as it is, new where there is none yet."""
        if self._item is None:
            self._item = self._decode(self._reactor.table.get(self._order))
        return self._item

    def _decide(self, event: Event[Any]) -> Decide[S]:
        decision = self._reactor.service.decisions[event.type]
        return lambda item, result: decision(item, event, result)

    def _settle(self, item: Item[S], decide: Decide[S], cause: Cause, deadline: int, result: Any) -> Item[S]:
        lease = Lease(self._reactor.new_token(), deadline)
        acted = False
        for tries in range(MAX_TRIES):
            if cause.key in item.handled:
                return item
            self._respect(item, cause, lease)
            decision = decide(item, result)
            if isinstance(decision, Ignore):
                return item
            if isinstance(decision, Act):
                result = self._reactor.perform(decision.effect)
                continue
            try:
                item = self._write(item, decision, cause, lease)
            except LostError as lost:
                item = self._decode(lost.found[self._order])
                continue
            except RefusedError as refused:
                result = refused.refused
                continue
            except Exception as error:
                # What was done outside, and cannot be done again unseen, must not go unrecorded for one failed write.
                if not (acted or isinstance(error, ConflictError)):
                    raise
                self._reactor.pause(tries)
                continue
            if isinstance(decision, Commit):
                return item
            result = self._perform(decision, lease)
            acted = not decision.repeatable
        raise LostRaceError(f"order {self._order} kept changing through {MAX_TRIES} tries")

    def _perform(self, claimed: Claim[S], lease: Lease) -> Any:
        try:
            return self._reactor.perform(claimed.effect)
        except Exception as error:
            if claimed.repeatable:
                raise
            # Before its lease has ended nobody may try again: coming back earlier would only use up an attempt.
            remaining = (lease.until - self._reactor.clock()) / 1000
            after = max(remaining, error.after if isinstance(error, RetryableError) else 0)
            raise RetryableError(f"{type(error).__name__}: {error}", after=after) from error

    def _respect(self, item: Item[S], cause: Cause, own: Lease) -> None:
        """Leaves an act to whoever claimed it for this same event, while that one may still be at it."""
        lease = item.claims.get(cause.key or "")
        remaining = lease.until - self._reactor.clock() if lease and lease.token != own.token else 0
        if remaining > 0:
            raise RetryableError(f"another delivery of {cause.key} is acting on it", after=remaining / 1000)

    def _write(self, item: Item[S], decision: Claim[S] | Commit[S], cause: Cause, lease: Lease) -> Item[S]:
        new, attributes = self._next(item, decision, cause, lease)
        adjusts = () if isinstance(decision, Claim) else decision.adjust
        try:
            self._reactor.table.commit([Write(self._order, attributes, item.version)], adjusts)
        except LostError as lost:
            # The write had been done, but its acknowledgement was lost, and the client's own retry found it there.
            if lost.found[self._order] != attributes:
                raise
        return new

    def _next(
        self, item: Item[S], decision: Claim[S] | Commit[S], cause: Cause, lease: Lease
    ) -> tuple[Item[S], Attributes]:
        """The item that the decision makes of it, also as it is stored."""
        service = self._reactor.service
        new = advance(item, service.name, decision.state, decision.announce, cause, self._reactor.clock())
        if isinstance(decision, Commit):
            new = handle(new, cause)
        elif not decision.repeatable:
            new = claim(new, cause, lease)
        return new, self._codec.encode(new, announces=bool(decision.announce), extra=service.indexed(new))

    def _decode(self, attributes: Attributes | None) -> Item[S]:
        return self._codec.decode(attributes) if attributes else Item(self._order)
