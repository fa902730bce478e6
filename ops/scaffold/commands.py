"""The command `tidings new consumer`."""

from typing import Annotated

import typer

from ops.console import print_result
from ops.scaffold.consumer import known_events, new_consumer
from ops.stage import ROOT

app = typer.Typer(no_args_is_help=True, help="Create a new service.")


@app.callback()
def new() -> None:
    """Create a new service."""


@app.command("consumer")
def consumer(
    name: Annotated[str, typer.Argument(help="The service's name: lower-case letters and digits.")],
    on: Annotated[list[str], typer.Option("--on", metavar="EVENT", help="An event that it handles; may be repeated.")],
) -> None:
    """Create a service with its test and its documentation.

    It remembers which of its events have happened; change its handlers to do more.
    """
    for path in new_consumer(ROOT, name, on, known_events()):
        print_result(f"  {path}")
    print_result(
        f"""  docs/contracts/ (generated again)

Change functions/{name}/handlers.py to do what the service is for. Then:
  make run                           deploys it on the local cloud; make deploy STAGE=... deploys it on AWS
  {f"tidings replay {name}":<35}sends it all recorded events"""
    )
