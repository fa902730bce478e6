"""The results of measurements: figures with their limits, and tables with their parts."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Limit:
    """A figure's limit: a maximum, a minimum or an exact value."""

    sign: Literal["≤", "≥", "="]
    value: float

    def holds(self, value: float) -> bool:
        """Return whether a figure is within the limit."""
        match self.sign:
            case "≤":
                return value <= self.value
            case "≥":
                return value >= self.value
            case _:
                return value == self.value

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


@dataclass(frozen=True)
class Table:
    """The parts of a figure: a row of numbers for each name.

    Attributes:
        title: The title.
        columns: The names of the columns.
        rows: The numbers of each row, by its name.
        unit: The unit of the numbers.
        chart: The chart of the report: `bars` draws the first column, `grouped` all columns side by side, `stacked` all
            columns on top of each other. None draws no chart.
    """

    title: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[float]]
    unit: str = ""
    chart: Literal["bars", "grouped", "stacked"] | None = None


@dataclass(frozen=True)
class Figure:
    """One measured figure of the report.

    Attributes:
        key: Its key in the report.
        value: The value.
        unit: The value's unit.
        baseline: The value that it is compared with, in a unit that `how` names; None without a comparison.
        how: How it was measured, in a few sentences.
        limit: Its limit, if it has one.
        tables: Its parts.
        measured: The date and the machine.
    """

    key: str
    value: float
    unit: str
    baseline: float | None
    how: str
    limit: Limit | None = None
    tables: Sequence[Table] = field(default_factory=tuple)
    measured: str = ""

    @property
    def ok(self) -> bool:
        """True unless the figure is beyond its limit."""
        return self.limit is None or self.limit.holds(self.value)


@dataclass(frozen=True)
class Paired:
    """Two sides that were measured in turn: the median of the pairs' ratios, and the median of each side."""

    ratio: float
    ours: float
    baseline: float


def paired(ours: Callable[[], float], baseline: Callable[[], float], pairs: int) -> Paired:
    """Measure two sides in turn, so that other work of the machine affects both.

    Args:
        ours: Measures one side. Returns any unit.
        baseline: Measures the other side, in the same unit. It goes first in every second pair.
        pairs: Number of pairs that count. One more pair is the warm-up.
    """
    measured: list[tuple[float, float]] = []
    for n in range(pairs + 1):
        if n % 2:
            mine, theirs = ours(), baseline()
        else:
            theirs, mine = baseline(), ours()
        measured.append((mine, theirs))
    counted = measured[1:]
    return Paired(
        median(mine / theirs for mine, theirs in counted),
        median(mine for mine, _ in counted),
        median(theirs for _, theirs in counted),
    )


def wall_time(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def processor_time(run: Callable[[], object]) -> float:
    """Return the processor seconds of all threads of this process that a call takes."""
    start = time.process_time()
    run()
    return time.process_time() - start
