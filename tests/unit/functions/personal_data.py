"""The ports of privacy's jobs in memory, and a runner over them."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from functions.privacy.jobs.erasure import Erasure
from functions.privacy.jobs.export import Export
from functions.privacy.jobs.people import Page, Part, Parts
from functions.privacy.jobs.retention import Retention, RetentionReport
from functions.privacy.jobs.runner import Runner, RunReport
from functions.privacy.service import JOBS, RETENTION, service
from functions.privacy.state import Job, Kind, Record, job_of, order_of
from tests.unit.facts import NOON_MILLIS, TRACE
from tidings.aws.pending import PendingEntity
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import Entity
from tidings.core.service import Index
from tidings.testing import Faults, InlineExecutor, given

HOUR = 60 * 60
DAY = 24 * HOUR
PERSON = "ann"
JOB = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


class MemoryPeople:
    """Two services that store parts of people's orders.

    Attributes:
        orders_of: The ids of orders by person, oldest first.
        stored: The parts by order and service.
        per_page: Number of orders in a page.
        list_faults: The faults of `orders`.
        read_faults: The faults of `parts`, by order.
    """

    def __init__(self) -> None:
        self.orders_of: dict[str, list[str]] = {}
        self.stored: dict[str, dict[str, Part]] = {}
        self.per_page = 2
        self.list_faults = Faults()
        self.read_faults = Faults()

    def add(self, order: str, *, under_way: str = "", person: str = PERSON, events: Sequence[Any] = ()) -> None:
        """Add an order, in the sequence of the calls."""
        if order not in self.orders_of.setdefault(person, []):
            self.orders_of[person].append(order)
        sold = Part(order, {"lines": 1}, tuple(events), under_way, erased=False)
        self.stored[order] = {"sales": sold, "post": replace(sold, state={"address": order}, under_way="")}

    def orders(self, person: str, cursor: str) -> Page:
        def page() -> Page:
            keys = self.orders_of.get(person, [])
            start = int(cursor or 0)
            end = start + self.per_page
            return Page(tuple(keys[start:end]), str(end) if end < len(keys) else None)

        return self.list_faults.call(page)

    def parts(self, orders: Sequence[str]) -> Parts:
        return self.read_faults.call(lambda: {order: self.stored.get(order, {}) for order in orders}, orders)


class MemoryAccounts:
    """The accounts of customers."""

    def __init__(self) -> None:
        self.accounts: dict[str, Mapping[str, str]] = {PERSON: {"email": "ann@example.com"}}
        self.delete_faults = Faults()

    def read(self, person: str) -> Mapping[str, str] | None:
        return self.accounts.get(person)

    def delete(self, person: str) -> None:
        self.delete_faults.call(lambda: self.accounts.pop(person, None))


class MemoryFiles:
    """The files of exports."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.write_faults = Faults()
        self.join_faults = Faults()
        self.delete_faults = Faults()

    def link(self, name: str, seconds: int) -> str:
        return f"https://files.example/{name}?seconds={seconds}"

    def write(self, name: str, text: bytes) -> None:
        self.write_faults.call(lambda: self.files.__setitem__(name, text))

    def join(self, name: str, parts: Sequence[str | bytes]) -> None:
        def joined() -> None:
            if not {part for part in parts if isinstance(part, str)} <= self.files.keys():
                raise FileNotFoundError(name)
            self.files[name] = b"".join(part if isinstance(part, bytes) else self.files[part] for part in parts)

        self.join_faults.call(joined)

    def delete(self, prefix: str) -> None:
        def deleted() -> None:
            self.files = {name: text for name, text in self.files.items() if not name.startswith(prefix)}

        self.delete_faults.call(deleted)


class PrivacyJobs:
    """The jobs of privacy over ports in memory."""

    def __init__(self) -> None:
        self.scenario = given(service)
        self.clock = self.scenario.clock
        self.people = MemoryPeople()
        self.accounts = MemoryAccounts()
        self.files = MemoryFiles()
        records = self.scenario.executor
        erasure = Erasure(records, self.people, self.accounts, self.files, InlineExecutor(), HOUR)
        export = Export(self.people, self.accounts, self.files, self.clock)
        self.runner = Runner(records, {"erasure": erasure, "export": export}, random.Random(1))  # noqa: S311 - not for secrecy
        self.retention = Retention(records, self.people, random.Random(1))  # noqa: S311 - not for secrecy

    def request(self, kind: Kind, key: str = JOB, *, person: str = PERSON, by: Any = "customer") -> None:
        now = to_rfc3339(self.clock())
        job = Job(kind, person, now, by, "request-1", TRACE, due=now)
        self.scenario.store(Entity(key, version=1, state=Record(job=job)))

    def run(self, *, early: bool = False, deadline: int = 2**62) -> RunReport:
        return self.runner.run(self.pending(JOBS), deadline, early=early)

    def end_retentions(self, older_than: float = 365 * DAY, deadline: int = 2**62) -> RetentionReport:
        return self.retention.run(self.pending(RETENTION), older_than, deadline)

    def pending(self, index: Index) -> list[PendingEntity]:
        """Return the entities of an index, as its reader returns them."""
        found = [
            PendingEntity(from_rfc3339(stored.attributes[index.sort]), key)
            for key, stored in self.scenario.table.entities.items()
            if index.partition in stored.attributes
        ]
        return sorted(found)

    def job(self, key: str = JOB) -> Job:
        job = job_of(self.scenario.entity(key))
        assert job
        return job

    def erased(self, order: str) -> list[str]:
        """Return the reasons of the events that have an order's data erased."""
        found = self.scenario.entity(order)
        assert order_of(found).erased or not found.outbox
        return [event.envelope.data["reason"] for event in found.outbox]

    def run_to_the_end(self, key: str = JOB, most: int = 50) -> int:
        """Run the job at each time when it is due, and return the number of seconds that it took."""
        for _ in range(most):
            if not self.job(key).due:
                return (self.clock() - NOON_MILLIS) // 1000
            self.clock.now = max(self.clock(), from_rfc3339(self.job(key).due))
            self.run()
        raise AssertionError(f"the job is not at its end after {most} runs: {self.job(key)}")


def crashing(call: Callable[[], Any]) -> Any:
    """Make the call, and end the process before it can go on."""
    call()
    raise KeyboardInterrupt
