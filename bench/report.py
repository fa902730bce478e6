"""The report: `report.json` for programs, and `REPORT.md` with its plots for people."""

import importlib
import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

import msgspec

from bench.figures import Figure, Table
from bench.plots import number, svg

HERE = Path(__file__).parent
GROUPS = ("costs", "hot_sku", "speed", "init", "flow", "live")
"""The modules that measure, the fast ones first."""

DESCRIPTIONS = {
    "calls.place_order": "AWS requests to place an order",
    "calls.reaction": "DynamoDB requests of a handled event",
    "calls.order": "all requests of an order, from placed to dispatched",
    "wru.ratio": "write units of an order's items ÷ with state, inbox and outbox in three items",
    "usd.million_orders": "the bill for a million orders",
    "erasure.usd": "the erasure of the personal data of 1,000 orders",
    "scale.slope": "calls per order at 1,000 orders ÷ at 10",
    "package.mb": "the layer of all functions, unzipped",
    "hot.sku": "reservations of one product a second ÷ a transaction an order",
    "batch.concurrency": "a batch of 10 messages of 10 orders ÷ one message",
    "batch.ordered": "a batch of 10 messages of 2 orders ÷ one message",
    "overhead.event": "processor time of an event ÷ a bare handler's",
    "relay.throughput": "events a second through the relay ÷ one by one",
    "init.consumer": "cold start of the slowest consumer ÷ a bare handler's",
    "init.api": "cold start of placing an order ÷ a bare handler's",
    "init.stripe": "cold start of payment with Stripe ÷ a bare handler's",
    "flow.throughput": "orders a second until all consumers are done ÷ bare handlers, same topology",
    "flow.confirm": "time from 202 to CONFIRMED",
    "live.latency": "time from an event's commit to its push at a client",
}


class Group(Protocol):
    """A module with a group of figures."""

    KEYS: Sequence[str]
    measure: Callable[[], Iterator[Figure]]


def groups() -> Sequence[Group]:
    """Return the modules with figures."""
    return [cast("Group", importlib.import_module(f"bench.{name}")) for name in GROUPS]


class Report:
    """The latest figures by key."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self.figures = dict(figures)

    @classmethod
    def read(cls, folder: Path = HERE) -> "Report":
        """Read the last report. Without one it is empty."""
        path = folder / "report.json"
        stored = json.loads(path.read_bytes()) if path.exists() else {}
        return cls({key: msgspec.convert({**stored[key], "key": key}, Figure) for key in stored if key in DESCRIPTIONS})

    def add(self, figure: Figure) -> None:
        """Add a figure in place of its last measurement."""
        machine = f"with Python {platform.python_version()} on {os.cpu_count()} processors"
        self.figures[figure.key] = replace(figure, measured=f"{datetime.now(UTC):%Y-%m-%d} {machine}")

    def ok(self, key: str) -> bool:
        """Return whether a figure was measured and its limit holds."""
        return key in self.figures and self.figures[key].ok

    def line(self, key: str) -> str:
        """Format a figure as one line."""
        figure = self.figures[key]
        limit = f"  ({figure.limit}: {'holds' if figure.ok else 'DOES NOT HOLD'})" if figure.limit else ""
        return f"{key:20} {_value(figure)}{limit}"


def write(report: Report, folder: Path = HERE) -> None:
    """Write `report.json`, `REPORT.md` and the plots."""
    order = list(DESCRIPTIONS)
    figures = sorted(report.figures.values(), key=lambda figure: order.index(figure.key))
    stored = {figure.key: _stored(figure) for figure in figures}
    (folder / "report.json").write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n")
    plots = folder / "plots"
    plots.mkdir(exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    for figure in figures:
        for table in figure.tables:
            if table.chart:
                (plots / _plot(figure, table)).write_text(svg(table))
    (folder / "REPORT.md").write_text("\n".join(_document(figures)))


def _stored(figure: Figure) -> dict[str, object]:
    members = msgspec.to_builtins(figure)
    del members["key"]
    return {**members, "ok": figure.ok}


def _document(figures: Sequence[Figure]) -> Iterator[str]:
    yield "# Costs and speed"
    yield ""
    yield (
        "Measured by `make bench`. Counts are the same on every machine, and ratios nearly the same. Times are for "
        "information. Both sides of a ratio are measured in turn in the same run."
    )
    yield ""
    yield "| key | figure | value | limit | holds |"
    yield "|---|---|---:|---|---|"
    for figure in figures:
        limit, holds = (str(figure.limit), "yes" if figure.ok else "**no**") if figure.limit else ("", "")
        link, text = f"[{figure.key}](#{_anchor(figure)})", DESCRIPTIONS[figure.key]
        yield f"| {link} | {text} | {_value(figure)} | {limit} | {holds} |"
    for figure in figures:
        yield from _section(figure)
    yield ""


def _section(figure: Figure) -> Iterator[str]:
    yield ""
    yield f"## {figure.key}"
    yield ""
    baseline = "" if figure.baseline is None else f"; the baseline is {number(figure.baseline)}"
    yield f"**{_value(figure)}**{baseline}. {figure.how} Measured {figure.measured}."
    for table in figure.tables:
        yield ""
        if table.chart:
            yield f"![{table.title}](plots/{_plot(figure, table)})"
            yield ""
        yield f"| {table.title} | {' | '.join(table.columns)} |"
        yield f"|---|{'---:|' * len(table.columns)}"
        for name, values in table.rows.items():
            yield f"| {name} | {' | '.join(number(value) for value in values)} |"


def _value(figure: Figure) -> str:
    return f"{number(figure.value)} {figure.unit}"


def _anchor(figure: Figure) -> str:
    """Return the anchor that GitHub derives from the heading."""
    return figure.key.replace(".", "")


def _plot(figure: Figure, table: Table) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", f"{figure.key}-{table.title}".lower()).strip("-")
    return f"{name}.svg"
