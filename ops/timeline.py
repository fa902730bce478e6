"""An order's timeline as a table."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table


def table_of(timeline: Mapping[str, Any]) -> Table:
    """One row an event: when, by whom, what, how long after its cause, and what that cause was."""
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
    # Narrower than RFC 3339, so that a terminal of eighty columns holds the table.
    return str(event["time"]).replace("T", " ").removesuffix("Z")


def _delay(event: Mapping[str, Any]) -> str:
    millis = event.get("delay_ms")
    return "" if millis is None else f"{millis} ms"


def _cause(event: Mapping[str, Any], types: Mapping[str, str]) -> str:
    cause = event.get("causationid")
    if cause is None:
        return "a command"
    # An event that has not been recorded yet is known by its id alone.
    return types.get(cause, cause)
