"""The sweep: cancels the orders that have been pending for too long."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import Literal

from msgspec import Struct

from functions.orders import reactions
from functions.orders.pending import Waiting
from functions.orders.reactions import Order
from tidings.clock import rfc3339
from tidings.decisions import Commit, Decision, Ignore
from tidings.item import Cause, Item
from tidings.log import logger
from tidings.reactor import Reactor

Outcome = Literal["cancelled", "ended", "failed"]

TOGETHER = 50
"""Orders that are begun before the clock is looked at again."""


class Swept(Struct, frozen=True):
    """What a sweep did: the orders it cancelled, those that it could not, whether none is left that it did not try.

    `oldest` is the age in seconds of the oldest pending order that it found, 0 where there was none.
    """

    cancelled: int
    failed: int
    finished: bool
    oldest: float


@dataclass(frozen=True)
class Sweep:
    """Cancels by the same write as any reaction, so two sweeps at once, or one and a confirmation, do no harm."""

    orders: Reactor[Order]
    executor: Executor

    def run(self, waiting: Iterable[Waiting], older_than: float, deadline: int) -> Swept:
        """Cancels what has waited for more than so many seconds.

        `waiting` are the pending orders, oldest first. None is begun after `deadline` (milliseconds since 1970); the
        next run goes on with the rest.
        """
        found = iter(waiting)
        oldest = next(found, None)
        if oldest is None:
            return Swept(0, 0, finished=True, oldest=0)
        start = self.orders.clock()
        overdue = takewhile(lambda each: start - each.since > older_than * 1000, chain([oldest], found))
        done: Counter[Outcome] = Counter()
        finished = False
        while not finished and self.orders.clock() < deadline:
            some = list(islice(overdue, TOGETHER))
            done.update(self.executor.map(self._cancel, some))
            finished = len(some) < TOGETHER
        return Swept(done["cancelled"], done["failed"], finished, (start - oldest.since) / 1000)

    def _cancel(self, waiting: Waiting) -> Outcome:
        told = {"order_id": waiting.order, "pending_since": rfc3339(waiting.since)}
        try:
            cancelled = self._time_out(waiting.order)
        except Exception:
            logger.exception("an order was not swept", extra=told)
            return "failed"
        logger.info("an order was swept" if cancelled else "an order had ended before it was swept", extra=told)
        return "cancelled" if cancelled else "ended"

    def _time_out(self, order: str) -> bool:
        """Cancels the order where it is still pending, as one more effect of the request that placed it."""
        reactor = self.orders.order(order)
        placed = reactions.placed(reactor.read())
        decided: Decision[Order] = Ignore()

        def decide(item: Item[Order], _: object) -> Decision[Order]:
            nonlocal decided
            decided = reactions.time_out(item)
            return decided

        reactor.settle(decide, Cause(placed.correlationid, placed.traceparent, self.orders.clock()))
        return isinstance(decided, Commit)
