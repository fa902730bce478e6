"""The command `tidings retire`."""

from typing import Annotated

import typer

from ops.console import print_result, step
from ops.context import CommandContext, Yes
from ops.errors import CommandError
from ops.replay.options import HISTORY
from ops.retire.retirement import Retirement
from ops.services import service_names
from ops.stage import ROOT

app = typer.Typer()


@app.command()
def retire(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service to remove. Its folder is already deleted.")],
    keep: Annotated[
        bool | None,
        typer.Option("--keep-data/--delete-data", help="Keep its tables, or delete all its data; default: ask."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Remove a deployed service in order, so that nothing is lost.

    Its API and its jobs are closed, its queue is unsubscribed, and its consumer and its relay finish their work. Then
    its stack is deleted, with its data or without. Nothing is deleted while dead letters or unpublished events are
    left. If the command breaks off, run it again.
    """
    work: CommandContext = context.obj
    check_name(service)
    if keep and work.is_local:
        raise CommandError("the local cloud deletes protected tables with their stack; use --delete-data")
    if service not in work.outputs.services:
        print_result(f"{service} is not deployed on the stage {work.stage_name}: nothing of it is left to remove.")
        return
    if keep is None:
        keep = not work.is_local and not typer.confirm(f"Delete the data of {service} as well?", err=True)
    if not yes:
        fate = "kept" if keep else "deleted"
        typer.confirm(f"{service} will be removed, and its data {fate}. Continue?", abort=True, err=True)
    with step(f"Retiring {service}") as shown:
        Retirement(work.stage, work.outputs, service, keep, shown.update).run()
    print_result(f"{service} is removed.")


def check_name(service: str) -> None:
    """Raise `CommandError` unless the service may be removed: its folder would bring it back."""
    if service == HISTORY:
        raise CommandError("history is the event log: no service can be recovered without it")
    if service in service_names():
        raise CommandError(
            f"{ROOT / 'functions' / service} still declares {service}, and the next deployment would add it again; "
            "delete the folder and deploy first"
        )
