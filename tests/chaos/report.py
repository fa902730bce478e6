"""The report of a chaos test, as text and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos.plan import ChaosPlan, Step
from tests.invariants.catalogue import INVARIANTS
from tests.soak.soak import AT_REST, Report

JUDGED = (*INVARIANTS, AT_REST)
"""The names of all that is judged in the end."""


@dataclass(frozen=True)
class Happened:
    """A fault that happened.

    Attributes:
        step: The step of the plan.
        at: Seconds from the beginning of the load until it happened.
        lasted: Seconds until it was mended.
        converged: Seconds from then until the shop had caught up; None if it did not in time.
        outcome: What happened.
        failure: Why the step failed; empty if it did not.
    """

    step: Step
    at: float
    lasted: float
    converged: float | None
    outcome: str
    failure: str = ""

    def __str__(self) -> str:
        targets = f": {', '.join(self.step.targets)}" if self.step.targets else ""
        caught_up = "not caught up" if self.converged is None else f"caught up in {self.converged:.0f} s"
        lines = [
            f"{self.at:5.0f} s  {self.step.fault}{targets}",
            f"         lasted {self.lasted:.0f} s, {caught_up}; {self.outcome or 'broken off'}",
        ]
        if self.failure:
            lines.append(f"         FAILED {self.failure}")
        return "\n".join(lines)


@dataclass(frozen=True)
class ChaosReport:
    """The outcome of a chaos test.

    Attributes:
        plan: The plan.
        happened: The faults.
        load: The outcome of the load, with the invariants that are violated.
    """

    plan: ChaosPlan
    happened: Sequence[Happened]
    load: Report

    @property
    def passed(self) -> bool:
        """True if every invariant holds, and no step failed."""
        return not self.load.violated and not any(each.failure for each in self.happened)

    @property
    def judgement(self) -> str:
        """The result of each invariant, and the outcome of the load."""
        invariants = [f"{'VIOLATED' if name in self.load.violated else 'holds   '}  {name}" for name in JUDGED]
        failed = ", and the last one could not be mended" if any(each.failure for each in self.happened) else ""
        faults = f"faults    {len(self.happened)} of {len(self.plan.steps)} happened{failed}"
        return "\n".join([*invariants, "", str(self.load), faults])

    def __str__(self) -> str:
        return "\n".join([*map(str, self.happened), "", self.judgement])

    def write(self, folder: Path) -> None:
        """Write the report to `report.txt` and `report.json` in a folder."""
        (folder / "report.txt").write_text(f"{self}\n")
        content = {
            "seed": self.plan.seed,
            "seconds": self.plan.seconds,
            "passed": self.passed,
            "faults": [asdict(each) | {"step": each.step._asdict()} for each in self.happened],
            "invariants": {name: self.load.violated.get(name, []) for name in JUDGED},
            "load": str(self.load).splitlines(),
        }
        (folder / "report.json").write_text(json.dumps(content, indent=2) + "\n")
