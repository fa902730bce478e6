"""The command `tidings deploy`."""

from typing import Annotated

import typer

from ops.console import print_note, print_result
from ops.context import CommandContext, Yes
from ops.counts import counted
from ops.deploy.cdk import deploy_stacks, synthesized_stacks
from ops.deploy.missed import Missed, ReplayRecord, missed_events
from ops.deploy.stacks import changed_subscriptions, name_undeclared_stacks
from ops.errors import CommandError
from ops.pages.commands import upload_
from ops.replay.options import HISTORY, ReplayOptions
from ops.replay.run import run_replay
from ops.services import service_named, service_names
from tidings.core.clock import now
from tidings.core.strategy import Observer

app = typer.Typer()


@app.command()
def deploy(
    context: typer.Context,
    first: Annotated[
        bool, typer.Option("--first", help="The first deployment: nothing is protected from deletion yet.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option(
            help="Wait until changed subscriptions are effective, and replay what they may have missed; "
            "otherwise print the commands that do it.",
        ),
    ] = True,
    yes: Yes = False,
) -> None:
    """Deploy a stage on AWS in order, with its pages.

    Of each contract that changed since the last release, the consumers are deployed before the producer. A changed
    subscription takes effect within fifteen minutes, in which the topic may drop events. These are replayed. If the
    command breaks off, run it again.
    """
    work: CommandContext = context.obj
    if work.is_local:
        raise CommandError("the stage local is for the local cloud: make run deploys it")
    stage = work.stage
    deploy_stacks(stage.name, first=first, approve=yes)
    upload_(context)
    name_undeclared_stacks(stage, synthesized_stacks())
    record = ReplayRecord(work.directory, stage.name)
    subscriptions = changed_subscriptions(stage, work.outputs.consumers)
    missed = missed_events(subscriptions, record.load(), replayable_services(), now())
    if first:
        # The topic had no event to drop.
        for each in missed:
            record.add(each)
        return
    if not missed:
        return
    if not replay:
        for each in missed:
            print_result(work.command(f"replay {each.consumer} --from {each.start} --wait"))
        return
    names = ", ".join(each.consumer for each in missed)
    print_note(f"{counted(len(missed), 'subscription')} changed, and may have missed events: {names}.")
    for each in missed:
        _replay(work, each)
        record.add(each)


def replayable_services() -> list[str]:
    """Return the services to which events can be replayed: all consumers but the event log and observers."""
    services = [service_named(name) for name in service_names() if name != HISTORY]
    return [service.name for service in services if service.consumes and not isinstance(service.strategy, Observer)]


def _replay(work: CommandContext, missed: Missed) -> None:
    options = ReplayOptions(consumer=missed.consumer, start=missed.start, wait=True)
    run_replay(work.stage, work.outputs, work.directory, options, options.checked_service())
