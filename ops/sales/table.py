"""The table of sales."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from contracts.values.money import Money, format_money


def sales_table(days: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with a row for each day: orders, units sold and revenue. It fits into eighty columns."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("day", no_wrap=True)
    for name in ("placed", "confirmed", "cancelled", "units", "revenue"):
        table.add_column(name, justify="right", no_wrap=True)
    for day in days:
        total = day["total"]
        numbers = (total["placed"], total["confirmed"], sum(total["cancelled"].values()), total["units"])
        revenue = "\n".join(format_money(msgspec.convert(money, Money)) for money in total["revenue"])
        table.add_row(day["day"], *(f"{number:,}" for number in numbers), revenue)
    return table
