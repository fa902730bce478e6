"""The commands `tidings break` and `tidings mend`."""

from typing import Annotated

import typer

from ops.console import print_result
from ops.context import CommandContext
from ops.errors import CommandError
from ops.faults.faults import GUIDE, POISONED, SILENCED, Fault, cause, mend_gateway

app = typer.Typer()

FaultName = Annotated[
    Fault,
    typer.Argument(
        metavar="FAULT",
        help="poison: a message that no service can handle. gateway: a payment gateway that is down. "
        "relay: a relay that is switched off.",
    ),
]


@app.command("break")
def break_(context: typer.Context, fault: FaultName) -> None:
    """Cause a fault on the local cloud, to practise how to see and to mend it."""
    work: CommandContext = context.obj
    work.require_local()
    print_result(f"{cause(fault, work.stage, work.outputs)} {GUIDE} shows how to see it and how to mend it.")


@app.command()
def mend(context: typer.Context, fault: FaultName) -> None:
    """Undo a fault of the local cloud itself: gateway. Operators' commands mend the others."""
    work: CommandContext = context.obj
    work.require_local()
    match fault:
        case Fault.POISON:
            command = f"dlq drop {POISONED} --reason undecodable"
            raise CommandError(f"this fault is mended as an operator mends it: {work.command(command)}")
        case Fault.RELAY:
            raise CommandError(f"this fault is mended as an operator mends it: {work.command(f'resume {SILENCED}')}")
        case Fault.GATEWAY:
            mend_gateway(work.stage, work.outputs)
            print_result("The payment gateway answers again.")
