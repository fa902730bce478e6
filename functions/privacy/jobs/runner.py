"""The runs of jobs that are due: each makes progress in steps, in turn with the others."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, takewhile
from typing import Literal, Protocol

from msgspec import Struct

from functions.privacy import handlers
from functions.privacy.jobs.erasure import MAX_FAILURES, failed
from functions.privacy.state import Job, Kind, Record, job_of
from tidings.aws.pending import PendingEntity
from tidings.handling.executor import HandlerExecutor
from tidings.observability.log import logger

Outcome = Literal["done", "waiting", "failed", "left"]

WINDOW = 200
"""Jobs that one run reads."""


class Step(Protocol):
    """The next step of a kind of job."""

    def step(self, key: str, job: Job, /) -> Job:
        """Make a step, and return the job's progress. It may be repeated."""
        ...


class RunReport(Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        done: Number of jobs that came to their end.
        waiting: Number of jobs that wait for their next pass.
        failed: Number of jobs that failed. Each is tried again.
        stuck: Number of those that failed again and again.
        finished: Whether every job that was due came to its end, waits or failed.
        oldest: The seconds for which the first job that was due has been due; 0 if none was.
    """

    done: int
    waiting: int
    failed: int
    stuck: int
    finished: bool
    oldest: float


@dataclass(frozen=True)
class Runner:
    """The runner. It records each step by a conditional write, so concurrent runs do no harm.

    Attributes:
        records: Executes the writes.
        steps: Makes the steps of each kind of job.
        rng: Chooses the sequence, so that a job that ends its run holds up no others.
    """

    records: HandlerExecutor[Record]
    steps: Mapping[Kind, Step]
    rng: random.Random = field(default_factory=random.Random)

    def run(self, pending: Iterable[PendingEntity], deadline: int, *, early: bool = False) -> RunReport:
        """Go on with the jobs that are due.

        Args:
            pending: The jobs that are not at their end, with the times when they are due, oldest first.
            deadline: When to begin no more steps, in milliseconds since 1970. The next run takes the rest.
            early: Whether to go on with those that are not due yet, too.
        """
        now = self.records.clock()
        found = list(islice(takewhile(lambda each: early or each.since <= now, pending), WINDOW))
        oldest = max(now - found[0].since, 0) / 1000 if found else 0
        keys = [each.key for each in found]
        self.rng.shuffle(keys)
        turns = deque(keys)
        outcomes: Counter[Outcome] = Counter()
        stuck = 0
        while turns and self.records.clock() < deadline:
            key = turns.popleft()
            job = self._advance(key)
            if job is None:
                outcomes["left"] += 1
            elif job.failures:
                outcomes["failed"] += 1
                stuck += job.failures >= MAX_FAILURES
            elif not job.due:
                outcomes["done"] += 1
            elif job.current is None:
                outcomes["waiting"] += 1
            else:
                turns.append(key)
        finished = not turns and len(found) < WINDOW
        return RunReport(outcomes["done"], outcomes["waiting"], outcomes["failed"], stuck, finished, oldest)

    def _advance(self, key: str) -> Job | None:
        """Make one step of a job, and return the job; None if it is at its end already, or another run was first."""
        unit = self.records.entity(key)
        try:
            before = job_of(unit.read())
            if before is None or not before.due:
                return None
            after = self._step(key, before)
            execution = unit.execute(
                partial(handlers.progress, before=before, after=after), before.metadata(self.records.clock())
            )
        except Exception:
            logger.exception("a job's progress could not be recorded", extra={"job": key})
            return None
        return after if execution.changed else None

    def _step(self, key: str, job: Job) -> Job:
        try:
            return self.steps[job.kind].step(key, job)
        except Exception:
            logger.exception("a job failed", extra={"job": key, "kind": job.kind, "failures": job.failures + 1})
            return failed(job, job.failures + 1, self.records.clock())
