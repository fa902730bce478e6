"""The command `tidings replay`."""

from typing import Annotated

import typer

from ops.context import CommandContext, DryRun, Rate
from ops.replay.options import ReplayOptions
from ops.replay.run import run_replay

app = typer.Typer()


@app.command()
def replay(
    context: typer.Context,
    consumer: Annotated[str, typer.Argument(help="The service that receives the events.")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME|DURATION", help="Events recorded from this time on; default: all."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME|DURATION", help="Events recorded before this time; default: now."),
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="EVENT", help="Only this event type; may be repeated.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="Only the events of this order.")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Stop the consumer, clear its table and fill it again (projections only).")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin at the beginning after a run that broke off.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="On AWS: wait first until a new subscription is effective.")
    ] = False,
) -> None:
    """Send recorded events to one consumer again, oldest first.

    The consumer ignores the events that it has handled. An event that cannot be read or sent is reported, and holds up
    no other. Times are like 2026-11-22 or 2026-11-22T01:30:00Z; a time without a zone is UTC. A duration like 15m, 2h
    or 3d is counted back from now. If the command breaks off, run it again: it continues where it was.
    """
    work: CommandContext = context.obj
    options = ReplayOptions(
        consumer=consumer,
        start=start,
        end=end,
        types=tuple(types or ()),
        order=order,
        rate=rate,
        dry_run=dry_run,
        rebuild=rebuild,
        restart=restart,
        wait=wait,
    )
    service = options.checked_service()
    run_replay(work.stage, work.outputs, work.directory, options, service)
