"""The command `tidings sales`."""

from typing import Annotated

import typer

from ops.console import print_answer, print_note, progress, results
from ops.context import CommandContext, Json, Operator
from ops.sales.table import sales_table
from ops.times import parse_since
from tidings.core.clock import now, to_rfc3339

app = typer.Typer()

DAY_MS = 86_400_000


def _parse_day(text: str) -> str:
    """Return the day of a time, or of a duration before now: `2026-01-31`."""
    return parse_since(text)[:10]


@app.command()
def sales(
    context: typer.Context,
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DAY|DURATION", parser=_parse_day, help="The first day; default: a week before now."
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="DAY|DURATION", parser=_parse_day, help="The last day, included; default: today."),
    ] = None,
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Show the sales by day in the shop's time zone, as an operator. Days without sales are left out.

    A day is like 2026-11-22, or a duration before now like 30d.
    """
    work: CommandContext = context.obj
    # In the shop's time zone it may be tomorrow already.
    tomorrow = to_rfc3339(now() + DAY_MS)[:10]
    found = work.shop(user, operator=True).sales(first or _parse_day("7d"), last or tomorrow)
    if found.get("rebuilding"):
        print_note("The figures are being rebuilt, and are not complete yet.")

    def print_text() -> None:
        if found["days"]:
            results.print(sales_table(found["days"]))
        else:
            progress.print("Nothing was sold on these days.")

    print_answer(found, as_json, print_text)
