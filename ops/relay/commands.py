"""The command `tidings relay`."""

from typing import Annotated

import typer

from ops.context import CommandContext, DryRun, Rate, Since
from ops.relay.republish import RepublishOptions, republish

app = typer.Typer()


@app.command()
def relay(
    context: typer.Context,
    order: Annotated[str | None, typer.Option(help="Only the events of this order.")] = None,
    since: Since = None,
    service: Annotated[str | None, typer.Option(help="Only the events of this service.")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,
) -> None:
    """Publish announced events again that a relay gave up or refused.

    Select the events of an order, or all since a time, which reads each table as a whole. The events keep
    their ids, so consumers ignore those that they have handled. The topic drops an event that it published within the
    last five minutes. An event that no relay would publish is reported and holds up no other. If the command breaks
    off, run it again.
    """
    work: CommandContext = context.obj
    options = RepublishOptions(order=order, since=since, service=service, rate=rate, dry_run=dry_run)
    options.check()
    republish(work.stage, work.outputs, options)
