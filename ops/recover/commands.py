"""The commands `tidings close`, `tidings recover` and `tidings open`."""

from typing import Annotated

import typer

from ops.console import print_note, print_result, step
from ops.context import CommandContext
from ops.errors import CommandError
from ops.recover.closing import Closing
from ops.recover.declarations import recovery_of
from ops.recover.run import RecoverOptions, run_recover
from ops.times import parse_time
from tidings.recovery import RecoverCheckpoint

app = typer.Typer()

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="A service that announces events.")]


@app.command()
def close(context: typer.Context, service: Service) -> None:
    """Stop a service: its API, its jobs and its consumer.

    Its relay is stopped once it has published all events. Its queue keeps all events meanwhile, and its API answers
    with an error. Close a service before its table is restored. If the command breaks off, run it again.
    """
    work: CommandContext = context.obj
    recovery_of(service)
    opens = work.command(f"open {service}")
    try:
        with step(f"Closing {service}, until its functions have ended and its relay has published all events"):
            Closing(work.stage, work.outputs, service).close()
    except KeyboardInterrupt:
        print_note(f"Interrupted. Parts of {service} are closed. The same command continues here; {opens} opens it.")
        raise
    print_result(f"{service} is closed. {opens} opens it again.")


@app.command("open")
def open_service(
    context: typer.Context,
    service: Service,
    force: Annotated[bool, typer.Option("--force", help="Open it even if its recovery has not ended.")] = False,
) -> None:
    """Start a service that was closed.

    It is refused while a recovery that was begun has not ended.
    """
    work: CommandContext = context.obj
    recovery_of(service)
    if not force and RecoverCheckpoint.is_unfinished(work.directory / work.stage_name, service):
        raise CommandError(
            f"the recovery of {service} has not ended: repeat {work.command(f'recover {service}')} with its "
            "--snapshot; --force opens the service all the same, and then it uses ids of its events again"
        )
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
