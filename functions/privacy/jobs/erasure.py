"""The erasure of a person's data: of each order that has come to its end, then of the account and the files."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from msgspec.structs import replace

from contracts.privacy.personal_data_erased import ErasureReason
from functions.privacy import handlers
from functions.privacy.files import Files, files_of
from functions.privacy.jobs.accounts import Accounts
from functions.privacy.jobs.people import Part, People
from functions.privacy.state import Job, Pass, Record, Status, UnderWay
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor
from tidings.observability.log import logger

Outcome = Literal["erased", "known", "failed"]

MAX_LISTED = 500
"""Maximum number of orders that a job lists as under way."""

RETRY_SECONDS = 2 * 60
"""Seconds after which a job that failed is tried again."""

MAX_FAILURES = 5
"""Number of failures after which a job is shown as failed. It is tried again all the same."""


@dataclass(frozen=True)
class Erasure:
    """The erasure. Each step of it may be repeated.

    An index lags behind its table, and a token is valid for a while after its account was deleted. So orders may be
    found late. The account is deleted after a pass that found nothing more, at least `interval` after the request. The
    erasure is done after a further such pass, as long after that. An order is under way while a service keeps personal
    data of it, such as one whose consumer is stopped.

    Attributes:
        records: Executes the erasure of each order.
        people: The services' answers.
        accounts: The accounts.
        files: The files of exports.
        threads: Erases the orders of a page in parallel.
        interval: Seconds between two passes. A token's validity is the minimum.
    """

    records: HandlerExecutor[Record]
    people: People
    accounts: Accounts
    files: Files
    threads: Executor
    interval: float

    def step(self, _key: str, job: Job) -> Job:
        """Erase a page of the person's orders, and return the job's progress."""
        now = self.records.clock()
        current = job.current or Pass(to_rfc3339(now))
        page = self.people.orders(job.person, current.cursor)
        parts = self.people.parts(page.keys)
        found = {order: under_way_of(parts[order]) for order in page.keys}
        under_way = [UnderWay(order, what) for order, what in found.items() if what]
        ended = [order for order, what in found.items() if not what]
        metadata = job.metadata(now)
        outcomes = dict(zip(ended, self._erase(ended, job.requested_by, metadata), strict=True))
        unfinished = [
            UnderWay(order, "erasure")
            for order, outcome in outcomes.items()
            if outcome == "failed" or (outcome == "known" and _is_personal(parts[order]))
        ]
        current = replace(
            current,
            cursor=page.next or "",
            orders=current.orders + len(page.keys),
            erased=current.erased + sum(outcome == "erased" for outcome in outcomes.values()),
            failed=current.failed + sum(outcome == "failed" for outcome in outcomes.values()),
            under_way=(*current.under_way, *under_way, *unfinished)[:MAX_LISTED],
        )
        if page.next:
            return replace(job, current=current, status="running", failures=0)
        return self._after(job, current)

    def _after(self, job: Job, current: Pass) -> Job:
        """Return the job after a whole pass, with what it found."""
        now = self.records.clock()
        job = replace(job, current=None, orders=current.orders, under_way=current.under_way, status="waiting")
        if current.failed:
            job = replace(job, failed_passes=job.failed_passes + 1)
            return failed(job, job.failed_passes, now)
        job = replace(job, failures=0, failed_passes=0)
        if current.under_way or current.erased:
            return replace(job, due=self._later(now))
        settled = from_rfc3339(job.account_deleted or job.requested_at) + int(self.interval * 1000)
        if from_rfc3339(current.begun) < settled:
            return replace(job, due=to_rfc3339(max(settled, now)))
        if not job.account_deleted:
            self.accounts.delete(job.person)
            return replace(job, account_deleted=to_rfc3339(now), due=self._later(now))
        self.files.delete(files_of(job.person))
        return replace(job, status="done", due="", finished=to_rfc3339(now))

    def _later(self, now: int) -> str:
        return to_rfc3339(now + int(self.interval * 1000))

    def _erase(self, orders: Sequence[str], reason: ErasureReason, metadata: MessageMetadata) -> list[Outcome]:
        """Have the data of orders erased. One that fails holds up no other."""
        return list(self.threads.map(lambda order: erase(self.records, order, reason, metadata), orders))


def erase(records: HandlerExecutor[Record], order: str, reason: ErasureReason, metadata: MessageMetadata) -> Outcome:
    """Have the personal data of an order erased, and return whether that was new."""
    try:
        execution = records.entity(order).execute(partial(handlers.erase, reason=reason), metadata)
    except Exception:
        logger.exception("the personal data of an order could not be erased", extra={"order_id": order})
        return "failed"
    return "erased" if execution.changed else "known"


def under_way_of(parts: Mapping[str, Part]) -> str:
    """Return what goes on with an order, given what each service stores of it; empty if nothing does."""
    return ", ".join(part.under_way for _, part in sorted(parts.items()) if part.under_way)


def _is_personal(parts: Mapping[str, Part]) -> bool:
    return any(part.is_personal for part in parts.values())


def failed(job: Job, failures: int, now: int) -> Job:
    """Return a job after a number of failures. It is tried again."""
    status: Status = "failed" if failures >= MAX_FAILURES else job.status
    return replace(job, failures=failures, status=status, due=to_rfc3339(now + RETRY_SECONDS * 1000))
