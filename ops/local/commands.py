"""The commands `tidings up`, `tidings down` and `tidings demo …`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from ops.console import print_note, print_result, progress, step
from ops.context import CommandContext
from ops.deploy.cdk import synthesized_stacks
from ops.deploy.stacks import name_undeclared_stacks
from ops.errors import CommandError
from ops.local.cloud import LocalCloud
from ops.local.demo import run_demo
from ops.local.deploy import ASSEMBLY, deploy
from ops.local.traffic import MAX_RATE, MAX_SECONDS, run_traffic
from ops.outputs import outputs_of
from ops.pages import is_built, upload
from ops.pages.config import config_of
from ops.pages.sign_in import describe_pages
from ops.stage import DeployedStage, local_stage

app = typer.Typer()
demo_app = typer.Typer(invoke_without_command=True)

Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="The local cloud's port; default: 4566, or that of the running one."),
]
App = Annotated[
    str | None,
    typer.Option(metavar="MODULE", help="The module of another CDK app to deploy, like examples.helpdesk.app."),
]


@contextmanager
def explaining_interruption(cloud: LocalCloud, again: str) -> Iterator[None]:
    """Say on Ctrl-C what still runs, and how to go on or to end it.

    Args:
        cloud: The local cloud.
        again: What to do to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        running = None
        # Its record is empty while it starts.
        with suppress(CommandError):
            running = cloud.running()
        state = f"still runs at {running.endpoint}" if running else "may still be starting"
        print_note(f"Interrupted. The local cloud {state}. {again}; make stop ends the cloud.")
        raise


@app.command()
def up(context: typer.Context, port: Port = None, app: App = None) -> None:
    """Start the local cloud, deploy the shop and upload its pages.

    A cloud that runs is used. The command prints its address.
    """
    work: CommandContext = context.obj
    work.require_local()
    work.cloud.directory.mkdir(parents=True, exist_ok=True)
    again = "The same command" if app else "make run"
    with explaining_interruption(work.cloud, f"{again} continues the deployment"):
        with step("Starting the local cloud"):
            running = work.cloud.start(port)
        stage = local_stage(running.endpoint)
        deploy(stage, work.cloud.directory, [sys.executable, "-m", app] if app else ())
        if not app:
            name_undeclared_stacks(stage, synthesized_stacks(work.cloud.directory / ASSEMBLY))
            _upload_pages(stage)
    print_result(running.endpoint)


def _upload_pages(stage: DeployedStage) -> None:
    """Upload the pages if they are built, and print their addresses beside the result."""
    outputs = outputs_of(stage)
    if outputs.pages is None:
        return
    if not is_built():
        print_note("The pages are not built, so they are not uploaded. make run builds them.")
        return
    with step("Uploading the pages"):
        upload(stage, outputs.pages, config_of(stage.name, outputs, outputs.pages))
    print_note(describe_pages(stage, outputs, outputs.pages))


@app.command()
def down(context: typer.Context) -> None:
    """Stop the local cloud and delete its contents."""
    work: CommandContext = context.obj
    work.require_local()
    stopped = work.cloud.stop(print_note)
    progress.print("The local cloud is stopped." if stopped else "No local cloud was running.")


@demo_app.callback()
def demo(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Place no orders if a demonstration has ended on this local cloud before.")
    ] = False,
) -> None:
    """Place example orders and show their outcomes."""
    if context.invoked_subcommand is not None:
        return
    work: CommandContext = context.obj
    work.require_local()
    if once and work.cloud.demonstration.exists():
        print_result(f"The local cloud is running at {work.outputs.endpoint}, and the example orders are placed.")
    else:
        _demonstrate(work)
    print_result(
        f"""
The shop's API is {work.outputs.api}
  .venv/bin/tidings orders place --sku mug-blue:2    then orders show, orders cancel, timeline
  .venv/bin/tidings outputs                          the addresses of all resources
  curl -H "Authorization: Bearer $(.venv/bin/tidings token)" {work.outputs.api}/orders
  {work.outputs.endpoint}/_ministack/ses/messages      the e-mails that were sent
  .venv/bin/tidings demo                             places the example orders again
  .venv/bin/tidings demo traffic                     places orders at a rate, by all test methods
  make stop                                          stops the local cloud"""
    )
    if work.outputs.pages is not None:
        print_result(f"\n{describe_pages(work.stage, work.outputs, work.outputs.pages)}")


@demo_app.command()
def traffic(
    context: typer.Context,
    rate: Annotated[float, typer.Option(min=0.1, max=MAX_RATE, help="Number of orders a second.")] = 1,
    duration: Annotated[int, typer.Option(min=1, max=MAX_SECONDS, help="Number of seconds.")] = 60,
) -> None:
    """Place orders at a rate, by all test methods, until Ctrl-C."""
    work: CommandContext = context.obj
    work.require_local()
    run_traffic(work.stage, work.outputs, rate, duration)


def _demonstrate(work: CommandContext) -> None:
    try:
        # After a demonstration that ended, make run places no more orders.
        again = "tidings demo" if work.cloud.demonstration.exists() else "make run or tidings demo"
        with explaining_interruption(work.cloud, f"{again} places the example orders again"):
            run_demo(work.stage, work.outputs)
    except TimeoutError as error:
        raise CommandError(f"{error}; the log of the functions is {work.cloud.log}") from error
    work.cloud.demonstration.touch()
