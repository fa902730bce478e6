"""The job that checks payments that wait, so that a lost report of the gateway loses nothing."""

import random
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, takewhile
from typing import Literal

from msgspec import Struct

from functions.payment.check import check
from functions.payment.reports import Ports, Report
from functions.payment.state import DAY, Payment
from tidings.aws.pending import PendingEntity
from tidings.core.clock import to_rfc3339
from tidings.core.entity import MessageMetadata
from tidings.core.errors import ThrottledError
from tidings.core.event import new_traceparent
from tidings.handling.executor import HandlerExecutor, UnitOfWork
from tidings.observability.log import logger

Outcome = Literal["ended", "waiting", "failed"]

WINDOW = 1_000
"""Payments that one run reads."""

DISPUTES_WATCHED = 3 * DAY
"""Milliseconds for which the gateway is asked for a dispute again. Its own report is repeated for as long (Stripe Docs,
"Webhooks")."""


class CheckReport(Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        ended: Number of payments that await nothing any more.
        waiting: Number of those that still wait.
        failed: Number of those that could not be checked.
        finished: Whether every payment that was due was checked.
        oldest: The seconds for which the first payment that was due has been due; 0 if none was.
    """

    ended: int
    waiting: int
    failed: int
    finished: bool
    oldest: float


@dataclass(frozen=True)
class CheckJob:
    """The job. It records outcomes by the same write as any handler, so concurrent runs do no harm.

    Attributes:
        payments: Executes the checks through the gateway.
        ports: The gateway, and the queue of its reports.
        rng: Chooses the sequence, so that payments that cannot be checked hold up no others.
    """

    payments: HandlerExecutor[Payment]
    ports: Ports
    rng: random.Random = field(default_factory=random.Random)

    def run(self, pending: Iterable[PendingEntity], deadline: int, *, early: bool = False) -> CheckReport:
        """Check the payments that are due.

        Args:
            pending: The payments that wait, with the times when they are due, oldest first.
            deadline: When to begin no more, in milliseconds since 1970. The next run takes the rest.
            early: Whether to check those that are not due yet, too.
        """
        now = self.payments.clock()
        due = list(islice(takewhile(lambda each: early or each.since <= now, pending), WINDOW))
        oldest = max(now - due[0].since, 0) / 1000 if due else 0
        self.rng.shuffle(due)
        outcomes: Counter[Outcome] = Counter()
        for each in due:
            if self.payments.clock() >= deadline:
                break
            try:
                outcomes[self._check(each.key)] += 1
            except ThrottledError:
                # The rate of calls is used up. The next run takes the rest.
                break
        finished = outcomes.total() == len(due) < WINDOW
        return CheckReport(outcomes["ended"], outcomes["waiting"], outcomes["failed"], finished, oldest)

    def report_disputes(self, deadline: int) -> int:
        """Send a report of each payment whose dispute began in the last days, and return their number.

        Args:
            deadline: When to send no more, in milliseconds since 1970.
        """
        now, sent = self.payments.clock(), 0
        for payment in self.ports.gateway.disputed_since(now - DISPUTES_WATCHED):
            if self.payments.clock() >= deadline:
                break
            # The hour is a part of the id, because a queue drops a repeated one.
            name = f"check-{uuid.uuid5(uuid.NAMESPACE_OID, f'{payment}/{now // (60 * 60 * 1000)}')}"
            self.ports.reports.send(
                Report(
                    id=name,
                    payment=payment,
                    about="dispute",
                    time=to_rfc3339(now),
                    correlationid=name,
                    traceparent=new_traceparent(),
                )
            )
            sent += 1
        return sent

    def _check(self, order: str) -> Outcome:
        unit = self.payments.entity(order)
        try:
            state = unit.read().state
            # One that cannot be checked holds up no other of the same order.
            checked = [self._follow(unit, order, payment) for payment in (state.watched if state else ())]
            state = unit.read().state
        except ThrottledError:
            raise
        except Exception:
            logger.exception("a payment could not be read", extra={"order_id": order})
            return "failed"
        if not all(checked):
            return "failed"
        return "waiting" if state and state.due else "ended"

    def _follow(self, unit: UnitOfWork[Payment], order: str, payment: str) -> bool:
        try:
            now, last = self.payments.clock(), unit.read().outbox[-1].envelope
            metadata = MessageMetadata(last.correlationid, last.traceparent, now)
            unit.execute(partial(check, of=payment, now=now), metadata)
        except ThrottledError:
            raise
        except Exception:
            logger.exception("a payment could not be checked", extra={"order_id": order, "payment": payment})
            return False
        return True
