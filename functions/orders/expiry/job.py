"""The expiry job: cancels the orders that have been pending for too long."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
from typing import Literal

from msgspec import Struct

from functions.orders import handlers
from functions.orders.expiry.brake import StoredBrake
from functions.orders.handlers import Order
from tidings.aws.pending import PendingEntity
from tidings.core.clock import to_rfc3339
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor
from tidings.observability.log import logger

Outcome = Literal["cancelled", "ended", "failed"]

CHUNK = 50
"""Orders that are begun before the job looks at the clock again."""

WINDOW = 5_000
"""Orders that the job reads before it begins the first of them, about fifty pages of the index."""


class ExpiryReport(Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        cancelled: Number of cancelled orders.
        failed: Number of orders that could not be cancelled.
        finished: Whether every expired order was tried.
        oldest: The age in seconds of the oldest pending order that the run found; 0 if there was none.
        stopped: Whether the brake has stopped the job, so that no run cancels an order until an operator resumes it.
    """

    cancelled: int
    failed: int
    finished: bool
    oldest: float
    stopped: bool


@dataclass(frozen=True)
class ExpiryJob:
    """The job. It cancels orders by the same write as any handler, so concurrent runs and confirmations do no harm.

    Attributes:
        orders: Executes the cancellations.
        brake: Stops the job when many orders expire.
        threads: Executes a chunk's cancellations in parallel.
        rng: Chooses the orders that are tried beside the oldest.
    """

    orders: HandlerExecutor[Order]
    brake: StoredBrake
    threads: Executor
    rng: random.Random = field(default_factory=random.Random)

    def run(self, pending: Iterable[PendingEntity], older_than: float, deadline: int) -> ExpiryReport:
        """Cancel the orders that have been pending for too long.

        Args:
            pending: The pending orders, oldest first.
            older_than: The minimum age in seconds.
            deadline: When to stop beginning orders, in milliseconds since 1970. The next run takes the rest.
        """
        stopped = self.brake.is_stopped()
        found = iter(pending)
        oldest = next(found, None)
        if oldest is None:
            return ExpiryReport(0, 0, finished=True, oldest=0, stopped=stopped)
        start = self.orders.clock()
        expired = takewhile(lambda order: start - order.since > older_than * 1000, chain([oldest], found))
        outcomes: Counter[Outcome] = Counter()
        finished = False
        while not (finished or stopped) and self.orders.clock() < deadline:
            window = list(islice(expired, WINDOW))
            finished = len(window) < WINDOW
            for chunk in spread(window, self.rng):
                if stopped or self.orders.clock() >= deadline:
                    finished = False
                    break
                admitted, stopped = self.brake.begin([order.key for order in sorted(chunk)])
                finished = finished and len(admitted) == len(chunk)
                outcomes.update(self.threads.map(self._expire, [order for order in chunk if order.key in admitted]))
        age = (start - oldest.since) / 1000
        return ExpiryReport(outcomes["cancelled"], outcomes["failed"], finished, age, stopped)

    def _expire(self, pending: PendingEntity) -> Outcome:
        fields = {"order_id": pending.key, "pending_since": to_rfc3339(pending.since)}
        try:
            cancelled = self._cancel(pending.key)
        except Exception:
            logger.exception("an order could not be expired", extra=fields)
            return "failed"
        logger.info("an order expired" if cancelled else "an order ended before it expired", extra=fields)
        return "cancelled" if cancelled else "ended"

    def _cancel(self, order: str) -> bool:
        """Cancel one order if it is still pending, as another effect of the request that placed it."""
        unit = self.orders.entity(order)
        placed = handlers.placed(unit.read())
        metadata = MessageMetadata(placed.correlationid, placed.traceparent, self.orders.clock())
        return unit.execute(handlers.expire, metadata).changed


def spread(orders: Sequence[PendingEntity], rng: random.Random) -> Iterator[list[PendingEntity]]:
    """Split orders into chunks: half of each are the oldest that are left, and the others any of those behind.

    If the oldest fail, and slowly, they take only a part of each run. They come last in their chunk for that reason.
    """
    rest = list(orders)
    while rest:
        oldest, rest = rest[: CHUNK // 2], rest[CHUNK // 2 :]
        others = set(rng.sample(rest, min(CHUNK // 2, len(rest))))
        rest = [order for order in rest if order not in others]
        yield [*sorted(others), *oldest]
