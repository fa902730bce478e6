"""The job that looks at pending refunds again."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from msgspec import Struct

from functions.payment import handlers
from functions.payment.handlers import Payment
from functions.payment.refunds.pending import PendingRefund
from tidings.core.clock import to_rfc3339
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor
from tidings.observability.log import logger

Outcome = Literal["ended", "pending", "failed"]

WINDOW = 1_000
"""Refunds that one run reads."""


class RefundReport(Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        ended: Number of refunds that have succeeded or failed since they were made.
        pending: Number of those that are still pending.
        failed: Number of those that could not be looked at.
        finished: Whether every refund was looked at.
        oldest: The age in seconds of the oldest refund that the run found; 0 if there was none.
    """

    ended: int
    pending: int
    failed: int
    finished: bool
    oldest: float


@dataclass(frozen=True)
class RefundJob:
    """The job. It records outcomes by the same write as any handler, so concurrent runs do no harm.

    Attributes:
        payments: Executes the checks through the gateway.
        rng: Chooses the sequence, so that refunds that stay pending hold up no others.
    """

    payments: HandlerExecutor[Payment]
    rng: random.Random = field(default_factory=random.Random)

    def run(self, pending: Iterable[PendingRefund], deadline: int) -> RefundReport:
        """Look at the pending refunds.

        Args:
            pending: The pending refunds, oldest first.
            deadline: When to begin no more, in milliseconds since 1970. The next run takes the rest.
        """
        found = list(islice(pending, WINDOW))
        age = (self.payments.clock() - found[0].since) / 1000 if found else 0
        self.rng.shuffle(found)
        outcomes: Counter[Outcome] = Counter()
        for refund in found:
            if self.payments.clock() >= deadline:
                break
            outcomes[self._check(refund)] += 1
        finished = outcomes.total() == len(found) < WINDOW
        return RefundReport(outcomes["ended"], outcomes["pending"], outcomes["failed"], finished, age)

    def _check(self, refund: PendingRefund) -> Outcome:
        fields = {"order_id": refund.order, "pending_since": to_rfc3339(refund.since)}
        try:
            unit = self.payments.entity(refund.order)
            last = unit.read().outbox[-1].envelope
            metadata = MessageMetadata(last.correlationid, last.traceparent, self.payments.clock())
            payment = unit.execute(handlers.check_refund, metadata).entity.state
        except Exception:
            logger.exception("a pending refund could not be looked at", extra=fields)
            return "failed"
        return "pending" if payment and payment.status == "refunding" else "ended"
