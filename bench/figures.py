"""What a measurement tells: figures with their limits, and tables of what stands behind them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Limit:
    """What a figure must be: at most, at least or exactly so much."""

    sign: Literal["≤", "≥", "="]
    value: float

    def holds(self, value: float) -> bool:
        """Whether a figure is within the limit."""
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
    """What stands behind a figure: a row of numbers for each name; `chart` says how it is drawn, where it is.

    `bars` draws the first column, `grouped` all of them side by side, `stacked` all of them on top of each other.
    """

    title: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[float]]
    unit: str = ""
    chart: Literal["bars", "grouped", "stacked"] | None = None


@dataclass(frozen=True)
class Figure:
    """One key of the report. `baseline` is what it was compared with, in its own unit, where there is such a thing.

    `how` says in a sentence or two how it was measured, and what both sides took for themselves; `measured` when and
    on what.
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
        """Whether its limit holds; so it does where there is none."""
        return self.limit is None or self.limit.holds(self.value)


@dataclass(frozen=True)
class Paired:
    """Two sides measured in turn: the median of the pairs' ratios, and each side's own median."""

    ratio: float
    ours: float
    baseline: float


def paired(ours: Callable[[], float], baseline: Callable[[], float], pairs: int) -> Paired:
    """Measures both sides alternately, so that whatever else the machine does befalls both alike.

    Each gives its own measure, in the same unit. The first pair warms up and does not count; in every second pair
    the baseline is the later one.
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
    """The seconds that it takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def processor_time(run: Callable[[], object]) -> float:
    """The seconds of all threads of this process that it takes."""
    start = time.process_time()
    run()
    return time.process_time() - start
