"""The table of an order's timeline."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table


def timeline_table(timeline: Mapping[str, Any]) -> Table:
    """Return a table with a row for each event: time, source, type, delay after its cause, and the cause."""
    table = Table(title=f"Order {timeline['order_id']}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("time (UTC)", "source", "type"):
        table.add_column(name, no_wrap=True)
    table.add_column("delay", justify="right", no_wrap=True)
    table.add_column("caused by", overflow="fold")
    types = {event["id"]: event["type"] for event in timeline["events"]}
    for event in timeline["events"]:
        table.add_row(_time(event), event["source"], event["type"], _delay(event), _cause(event, types))
    return table


def _time(event: Mapping[str, Any]) -> str:
    # Narrower than RFC 3339, so that a terminal of eighty columns shows the table.
    return str(event["time"]).replace("T", " ").removesuffix("Z")


def _delay(event: Mapping[str, Any]) -> str:
    milliseconds = event.get("delay_ms")
    return "" if milliseconds is None else f"{milliseconds} ms"


def _cause(event: Mapping[str, Any], types: Mapping[str, str]) -> str:
    cause = event.get("causationid")
    if cause is None:
        return "a command"
    # Of an event that is not recorded yet, only the id is known.
    return types.get(cause, cause)
