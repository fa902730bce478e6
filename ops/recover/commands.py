"""The commands `tidings close`, `tidings recover` and `tidings open`."""

from typing import Annotated

import typer

from ops.console import print_result, step
from ops.context import CommandContext
from ops.recover.closing import Closing
from ops.recover.declarations import recovery_of
from ops.recover.run import RecoverOptions, run_recover
from ops.times import parse_time

app = typer.Typer()

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="A service that announces events.")]


@app.command()
def close(context: typer.Context, service: Service) -> None:
    """Stop a service: its API, its jobs and its consumer. Its relay goes on.

    Its queue keeps all events meanwhile. Close a service before its table is restored.
    """
    work: CommandContext = context.obj
    recovery_of(service)
    with step(f"Closing {service}, until its longest function must have ended"):
        Closing(work.stage, work.outputs, service).close()
    print_result(f"{service} is closed. {work.command(f'open {service}')} opens it again.")


@app.command("open")
def open_service(context: typer.Context, service: Service) -> None:
    """Start a service that was closed."""
    work: CommandContext = context.obj
    recovery_of(service)
    with step(f"Opening {service}"):
        Closing(work.stage, work.outputs, service).open()
    print_result(f"{service} is open.")


@app.command()
def recover(
    context: typer.Context,
    service: Service,
    snapshot: Annotated[
        str,
        typer.Option(
            "--snapshot",
            metavar="TIME",
            parser=parse_time,
            help="The time to which the table was restored, like 2026-11-22T01:30:00Z.",
        ),
    ],
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Maximum number of entities, and then of messages, a second.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what the table lacks, and write and send nothing.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin at the beginning after a run that broke off.")
    ] = False,
) -> None:
    """Bring a restored table to the present from the event log.

    The service must be closed, and the log must have recorded all of its events; if not, the command says why and does
    nothing. It adds to each entity the events that the service announced since, counts its counters again, and sends
    its consumer the events of the last 28 days before the snapshot and of all time since. A second run changes nothing.
    If the command breaks off, run it again: it continues where it was.
    """
    work: CommandContext = context.obj
    options = RecoverOptions(service=service, snapshot=snapshot, rate=rate, dry_run=dry_run, restart=restart)
    run_recover(work.stage, work.outputs, work.directory, options, recovery_of(service))
