"""The command `tidings audit`."""

from typing import Annotated

import typer

from ops.audit.run import AuditOptions, run_audit
from ops.context import CommandContext, Json
from ops.times import parse_duration
from tidings.recovery import SETTLE_SECONDS

app = typer.Typer()


@app.command()
def audit(
    context: typer.Context,
    service: Annotated[str | None, typer.Option(help="Only the events of this service.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME|DURATION", help="Only events from this time on; default: all."),
    ] = None,
    min_age: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION",
            parser=parse_duration,
            help=f"Events younger than this may still be on their way; default: {SETTLE_SECONDS // 60}m.",
        ),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="Maximum number of items read a second.")] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Publish the events that the log lacks, and fill the gaps of the outboxes."),
    ] = False,
    append: Annotated[
        bool,
        typer.Option(
            "--append",
            help="With --repair: add events at the end of outboxes too. A recovery takes these for recalled, so use it "
            "only if the states are current.",
        ),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin at the beginning after a run that broke off.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the services' outboxes with the event log.

    The command finds events of services' outboxes that the log lacks, events of the log that an outbox lacks, and ids
    with two bodies. The exit status is 1 if something differs. If outboxes lack their last events, the table was
    restored to an earlier time: recover the service. If the command breaks off, run it again: it continues where it
    was.
    """
    work: CommandContext = context.obj
    options = AuditOptions(
        service=service,
        since=since,
        min_age=SETTLE_SECONDS if min_age is None else min_age,
        rate=rate,
        repair=repair,
        append=append,
        restart=restart,
        as_json=as_json,
    )
    options.check()
    run_audit(work.stage, work.outputs, work.directory, options)
