"""The export of a person's data into one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.privacy.files import Files, file_of, part_of, parts_of
from functions.privacy.jobs.accounts import Accounts
from functions.privacy.jobs.people import Part, People
from functions.privacy.state import Job, Pass
from tidings.core.clock import Clock, now, to_rfc3339
from tidings.observability.log import logger


@dataclass(frozen=True)
class Export:
    """The export. Each page of orders is a part of the file, so a run goes on where the one before ended.

    Attributes:
        people: The services' answers.
        accounts: The accounts.
        files: The files of exports.
        clock: The current time.
    """

    people: People
    accounts: Accounts
    files: Files
    clock: Clock = now

    def step(self, key: str, job: Job) -> Job:
        """Export a page of the person's orders, and return the job's progress.

        Args:
            key: The job's id.
            job: The job.
        """
        if job.finished:
            self.files.delete(parts_of(job.person, key))
            return replace(job, current=None, status="done", due="")
        current = job.current or Pass(to_rfc3339(self.clock()))
        page = self.people.orders(job.person, current.cursor)
        parts = self.people.parts(page.keys)
        orders = [{"order": order, "services": _services(parts[order])} for order in page.keys]
        if orders:
            # The elements of an array, without its brackets.
            self.files.write(part_of(job.person, key, job.parts), msgspec.json.encode(orders)[1:-1])
        current = replace(current, cursor=page.next or "", orders=current.orders + len(orders))
        job = replace(job, current=current, parts=job.parts + bool(orders), failures=0, status="running")
        return job if page.next else self._joined(key, job, current)

    def _joined(self, key: str, job: Job, current: Pass) -> Job:
        """Write the file; begin again if a part is gone. The next step deletes the parts: this one may be repeated."""
        time = to_rfc3339(self.clock())
        head = {"customer": job.person, "exported_at": time, "account": self.accounts.read(job.person)}
        texts: list[str | bytes] = [msgspec.json.encode(head)[:-1], b',"orders":[']
        for number in range(job.parts):
            texts += [b",\n" if number else b"", part_of(job.person, key, number)]
        try:
            self.files.join(file_of(job.person, key), [*texts, b"]}"])
        except FileNotFoundError:
            # An erasure, or the lifecycle of the bucket, deleted a part while the export could not go on.
            logger.warning("an export begins again, because a part of it was deleted", extra={"job": key})
            return replace(job, current=Pass(time), parts=0)
        return replace(job, orders=current.orders, finished=time)


def _services(parts: Mapping[str, Part]) -> dict[str, Any]:
    return {
        service: {"state": part.state, "events": part.events, "erased": part.erased}
        for service, part in sorted(parts.items())
    }
