"""One soak: a plan carried out, with or without functions killed meanwhile, and then looked into."""

import random
import time
from collections import Counter
from dataclasses import dataclass

from tests.soak.crowd import Crowd
from tests.soak.evidence import Evidence, Scene
from tests.soak.invariants import CHECKS, stories, violations
from tests.soak.killing import killing
from tests.soak.plan import Plan
from tests.system.deployed import Deployed, User, tidings

MOST_REDRIVES = 5


@dataclass(frozen=True)
class Report:
    """What was done, how it ended and what of that must not be. Times are in seconds."""

    evidence: Evidence
    violated: dict[str, list[str]]
    killed: Counter[str]
    again: Counter[str]
    redriven: Counter[str]
    placing: float
    all_done: float

    def __str__(self) -> str:
        evidence, orders = self.evidence, self.evidence.orders
        told = stories(evidence)
        outcomes = Counter(f"{story.status} ({story.reason})" if story.reason else story.status for story in told)
        mails = evidence.mails.total()
        events = sum(len(story.events) for story in told)
        incidents = evidence.incidents
        lines = [
            f"seed      {evidence.plan.seed}: {len(orders)} orders by {evidence.plan.clients} clients",
            f"outcomes  {_counted(outcomes)}",
            f"requests  {sum(len(each) for each in evidence.answers.values())} to place an order, "
            f"{sum(len(each) for each in evidence.cancellations.values())} to cancel one, "
            f"{sum(len(each) for each in evidence.dispatches.values())} to dispatch one; "
            f"made again: {_counted(self.again)}",
            f"pace      placed in {self.placing:.0f} s ({len(orders) / self.placing:.1f} orders/s), "
            f"all done in {self.all_done:.0f} s ({len(orders) / self.all_done:.1f} orders/s)",
            f"came of   {events} events, {mails} e-mails",
            f"failures  killed: {_counted(self.killed)}; batches broken off: {_counted(incidents.broken_off)}; "
            f"messages sent back: {incidents.sent_back}; redriven: {_counted(self.redriven)}",
            f"checks    {sum(check.__name__ not in self.violated for check in CHECKS)} of {len(CHECKS)} hold",
        ]
        for name, violated in self.violated.items():
            lines += [
                f"VIOLATED  {name.replace('_', ' ')}: {len(violated)} times",
                *(f"  {each}" for each in violated[:5]),
            ]
        return "\n".join(lines)


def soak(shop: Deployed, operator: User, plan: Plan, *, kills: int = 0) -> Report:
    """Carries the plan out, and so many kills; waits until all is done, and checks every invariant."""
    chance = random.Random(plan.seed)  # noqa: S311 - not for secrecy
    crowd = Crowd.gathered(shop, plan, operator)
    scene = Scene(shop, crowd)
    running = shop.cloud.running()
    assert running is not None
    begun = time.monotonic()
    with killing(running.pid, chance, kills) as killed:
        crowd.run()
    scene.at_rest()
    redriven: Counter[str] = Counter()
    for _ in range(MOST_REDRIVES):
        for service in (dead := scene.dead()):
            answer = tidings(shop.cloud.directory, "dlq", "redrive", service)
            assert answer.returncode == 0, answer.stderr
            redriven[service] += 1
        if not dead:
            break
        scene.at_rest()
    all_done = time.monotonic() - begun
    evidence = scene.evidence()
    violated = violations(evidence)
    if redriven and not kills:
        violated["nothing_fails_in_peace"] = [f"{service}: {n} redrives" for service, n in redriven.items()]
    diary = crowd.diary
    return Report(evidence, violated, killed, diary.again, redriven, diary.seconds, all_done)


def _counted(what: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(what.items())) or "none"
