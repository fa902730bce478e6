"""The command `tidings resume`."""

from typing import Annotated

import typer

from ops.console import print_result
from ops.context import CommandContext
from ops.errors import CommandError
from ops.outputs import Outputs
from tidings.aws.recovery import EventSourceMapping

app = typer.Typer()


@app.command()
def resume(
    context: typer.Context,
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="A consumer or a relay, like orders-relay.")],
) -> None:
    """Let a consumer or a relay that somebody switched off receive events again.

    It continues where it stopped. Do not use this during a rebuild: the rebuild itself resumes the consumer.
    """
    work: CommandContext = context.obj
    names = mapped_functions(work.outputs)
    if function not in names:
        raise CommandError(f"{function!r} is no consumer or relay; there are {', '.join(names)}")
    EventSourceMapping(work.stage.client("lambda"), f"{work.stage.prefix}{function}").start()
    print_result(f"{function} receives events.")


def mapped_functions(outputs: Outputs) -> list[str]:
    """Return the names of all consumers and relays, as `logs` takes them."""
    return [
        f"{name}-{part}"
        for name, service in outputs.services.items()
        for part, queue in (("consumer", service.queue), ("relay", service.relay_dlq))
        if queue
    ]
