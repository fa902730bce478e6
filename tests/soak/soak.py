"""One soak test: a plan is played, with or without killed functions, and then judged by every invariant."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.invariants.catalogue import INVARIANTS, violations
from tests.invariants.evidence import Evidence
from tests.soak.evidence import EvidenceReader, Incidents
from tests.soak.kills import kill_functions
from tests.soak.load import LoadGenerator
from tests.soak.plan import Plan
from tests.system.deployed import DeployedShop, User, tidings

MAX_REDRIVES = 5

AT_REST = "the shop comes to rest"

NO_REDRIVES = "nothing is dead-lettered unless functions are killed"


@dataclass(frozen=True)
class Report:
    """The outcome of a soak test.

    Attributes:
        plan: The plan.
        evidence: The evidence.
        incidents: The failures in the cloud's log.
        violated: The violations, by the invariant's name.
        killed: The number of kills by function.
        retries: The number of requests that were sent again, by the cause.
        redriven: The number of redrives by service.
        placing: Seconds until all customers were done.
        total: Seconds until the shop was at rest.
    """

    plan: Plan
    evidence: Evidence
    incidents: Incidents
    violated: dict[str, list[str]]
    killed: Counter[str]
    retries: Counter[str]
    redriven: Counter[str]
    placing: float
    total: float

    def __str__(self) -> str:
        evidence, orders = self.evidence, len(self.evidence.statuses)
        states = [evidence.state("orders", order) for order in evidence.statuses]
        outcomes = Counter(f"{state.status} ({state.reason})" if state.reason else state.status for state in states)
        answers = [answer for purchase in evidence.purchases for answer in purchase.answers]
        lines = [
            f"seed      {self.plan.seed}: {orders} orders by {self.plan.clients} clients",
            f"outcomes  {listed(outcomes)}",
            f"requests  {len(answers)} to place an order, "
            f"{sum(map(len, evidence.cancellations.values()))} to cancel one, "
            f"{sum(map(len, evidence.dispatches.values()))} to dispatch one; sent again: {listed(self.retries)}",
            f"pace      placed in {self.placing:.0f} s ({orders / self.placing:.1f} orders/s), "
            f"all done in {self.total:.0f} s ({orders / self.total:.1f} orders/s)",
            f"results   {sum(events.types.total() for events in evidence.events.values())} events, "
            f"{sum(evidence.emails.values())} e-mails",
            f"failures  killed: {listed(self.killed)}; batches broken off: {listed(self.incidents.broken_off)}; "
            f"messages returned: {self.incidents.returned}; redriven: {listed(self.redriven)}",
            f"checks    {sum(name not in self.violated for name in INVARIANTS)} of {len(INVARIANTS)} invariants hold",
        ]
        for name, violated in self.violated.items():
            lines += [f"VIOLATED  {name}: {len(violated)} times", *(f"  {violation}" for violation in violated[:5])]
        return "\n".join(lines)


@dataclass(frozen=True)
class Trial:
    """A load on a shop, and the reader of its evidence.

    Attributes:
        shop: The shop.
        load: The load generator.
        reader: The reader.
        begun: When the trial began, by the monotonic clock.
        redriven: The number of redrives by service.
    """

    shop: DeployedShop
    load: LoadGenerator
    reader: EvidenceReader
    begun: float
    redriven: Counter[str] = field(default_factory=Counter)

    @classmethod
    def prepare(cls, shop: DeployedShop, operator: User, plan: Plan, pause: float = 0) -> "Trial":
        """Prepare a load with these seconds between two orders."""
        load = LoadGenerator.prepare(shop, plan, operator, pause)
        return cls(shop, load, EvidenceReader(shop, load), time.monotonic())

    @property
    def cloud(self) -> int:
        """The process id of the shop's cloud."""
        running = self.shop.cloud.running()
        assert running is not None
        return running.pid

    def redrive(self) -> bool:
        """Redrive all dead letters, and return whether there were any."""
        dead = self.reader.services_with_dead_letters()
        for service in dead:
            answer = tidings(self.shop.cloud.directory, "dlq", "redrive", service)
            assert answer.returncode == 0, answer.stderr
            self.redriven[service] += 1
        return bool(dead)

    def judge(self, killed: Counter[str], restored: str = "") -> Report:
        """Wait until the shop is at rest, and judge it by every invariant.

        Args:
            killed: The number of kills by function.
            restored: The service whose table went back to an earlier moment; empty if none did.
        """
        restless = self._wait_until_at_rest()
        total = time.monotonic() - self.begun
        evidence = self.reader.read(restored)
        plan, records = self.load.plan, self.load.records
        return Report(
            plan,
            evidence,
            self.reader.incidents(),
            violations(evidence) | ({AT_REST: [restless]} if restless else {}),
            killed,
            records.retries,
            self.redriven,
            records.seconds,
            total,
        )

    def _wait_until_at_rest(self) -> str:
        """Wait until the shop is at rest, and redrive dead letters meanwhile. Return why it does not come to rest."""
        try:
            self.reader.wait_until_idle()
            for _ in range(MAX_REDRIVES):
                if not self.redrive():
                    break
                self.reader.wait_until_idle()
        except TimeoutError as error:
            return str(error)
        return ""


def run_soak(shop: DeployedShop, operator: User, plan: Plan, *, kills: int = 0) -> Report:
    """Play a plan while functions are killed, wait until the shop is at rest, and judge it.

    Args:
        shop: The shop.
        operator: An operator.
        plan: The plan.
        kills: Number of functions to kill.
    """
    rng = random.Random(plan.seed)  # noqa: S311 - not for secrecy
    trial = Trial.prepare(shop, operator, plan)
    with kill_functions(trial.cloud, rng, kills) as killed:
        trial.load.run()
    report = trial.judge(killed)
    if report.redriven and not kills:
        report.violated[NO_REDRIVES] = [f"{service}: {n} redrives" for service, n in report.redriven.items()]
    return report


def listed(counts: Counter[str]) -> str:
    """Return counts as a text."""
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "none"
