"""The command `tidings refunds check`."""

import typer

from ops.console import print_note, print_result
from ops.context import CommandContext
from ops.errors import CommandError
from ops.jobs import check_refunds

app = typer.Typer(no_args_is_help=True, help="Look at refunds that are under way.")


@app.callback()
def family() -> None:
    """Look at refunds that are under way."""


@app.command()
def check(context: typer.Context) -> None:
    """Ask the payment gateway what has become of the pending refunds, as a schedule does every minute on AWS."""
    work: CommandContext = context.obj
    result = check_refunds(work.stage)
    print_result(f"{result.ended} ended, {result.pending} pending, {result.failed} failed")
    if not result.finished:
        print_note("The job's time ran out. Its next run, within a minute, continues.")
    if result.failed:
        raise CommandError(f"some refunds could not be checked; read {work.command('logs payment-refunds --problems')}")
