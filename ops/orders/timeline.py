"""The table of an order's timeline."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from functions.payment.reports import SOURCE


def timeline_table(timeline: Mapping[str, Any]) -> Table:
    """Return a table with a row for each event: time, source, type, delay after its cause, and the cause.

    It fits into eighty columns: a date is shown once, above its first event.
    """
    order = timeline["order_id"]
    table = Table(title=f"Order {order}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("time (UTC)", "source", "type"):
        table.add_column(name, no_wrap=True)
    table.add_column("delay", justify="right", no_wrap=True)
    table.add_column("caused by", overflow="fold")
    types = {event["id"]: event["type"] for event in timeline["events"]}
    shown = None
    for event in timeline["events"]:
        date, _, time = str(event["time"]).removesuffix("Z").partition("T")
        if date != shown:
            table.add_row(date)
        shown = date
        table.add_row(time, event["source"], event["type"], _delay(event), _cause(event, types, order))
    return table


def _delay(event: Mapping[str, Any]) -> str:
    milliseconds = event.get("delay_ms")
    return "" if milliseconds is None else f"{milliseconds} ms"


def _cause(event: Mapping[str, Any], types: Mapping[str, str], order: str) -> str:
    cause = event.get("causationid")
    if cause is None:
        return "a command"
    # The id of a message from elsewhere begins with the place where it came from.
    if cause.startswith(f"{SOURCE}/"):
        return "a report"
    # Of an event that is not recorded yet, only the id is known. The order's own id is in the title.
    return types.get(cause, cause.replace(order, "…"))
