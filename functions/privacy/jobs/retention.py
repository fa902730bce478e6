"""The erasure of orders' personal data at the end of the shop's period of retention."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, takewhile
from typing import Literal

from msgspec import Struct

from functions.privacy import handlers
from functions.privacy.jobs.erasure import erase, under_way_of
from functions.privacy.jobs.people import People
from functions.privacy.state import Record, order_of
from tidings.aws.pending import PendingEntity
from tidings.core.clock import to_rfc3339
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor
from tidings.observability.log import logger

Outcome = Literal["erased", "postponed", "failed", "known"]

CHUNK = 20
"""Orders that the services are asked about at once."""

WINDOW = 1_000
"""Orders that one run reads."""

POSTPONED_SECONDS = 24 * 60 * 60
"""Seconds after which an order with something under way is looked at again."""


class RetentionReport(Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        erased: Number of orders whose data was erased.
        postponed: Number of orders with something under way. They are looked at again a day later.
        failed: Number of orders that failed.
        finished: Whether every order was tried.
    """

    erased: int
    postponed: int
    failed: int
    finished: bool


@dataclass(frozen=True)
class Retention:
    """The job.

    Attributes:
        records: Executes the erasure of each order.
        people: The services' answers.
        rng: Chooses the sequence, so that orders that fail hold up no others.
    """

    records: HandlerExecutor[Record]
    people: People
    rng: random.Random = field(default_factory=random.Random)

    def run(self, retained: Iterable[PendingEntity], older_than: float, deadline: int) -> RetentionReport:
        """Erase the personal data of orders at the end of their period of retention.

        Args:
            retained: The orders whose data is not erased, with the times that their periods count from, oldest first.
            older_than: The period in seconds.
            deadline: When to begin no more, in milliseconds since 1970. The next run takes the rest.
        """
        period = int(older_than * 1000)
        now = self.records.clock()
        over = [each.key for each in islice(takewhile(lambda each: each.since <= now - period, retained), WINDOW)]
        self.rng.shuffle(over)
        outcomes: Counter[Outcome] = Counter()
        for start in range(0, len(over), CHUNK):
            if self.records.clock() >= deadline:
                break
            outcomes.update(self._end(over[start : start + CHUNK], period))
        finished = outcomes.total() == len(over) < WINDOW
        return RetentionReport(outcomes["erased"], outcomes["postponed"], outcomes["failed"], finished)

    def _end(self, orders: list[str], period: int) -> list[Outcome]:
        try:
            parts = self.people.parts(orders)
        except Exception:
            logger.exception("the services do not answer about orders", extra={"orders": len(orders)})
            return ["failed"] * len(orders)
        return [self._end_one(order, under_way_of(parts[order]), period) for order in orders]

    def _end_one(self, order: str, under_way: str, period: int) -> Outcome:
        try:
            unit, now = self.records.entity(order), self.records.clock()
            retained = order_of(unit.read())
            metadata = MessageMetadata(retained.correlation_id, retained.traceparent, now)
            if not under_way:
                return erase(self.records, order, "retention", metadata)
            since = to_rfc3339(now - period + POSTPONED_SECONDS * 1000)
            unit.execute(partial(handlers.postpone, since=since), metadata)
        except Exception:
            logger.exception("the retention of an order could not be ended", extra={"order_id": order})
            return "failed"
        logger.info("an order's data is kept", extra={"order_id": order, "under_way": under_way})
        return "postponed"
