"""The commands `tidings outputs` and `tidings token`."""

from typing import Annotated

import typer

from ops.console import print_json
from ops.context import USER, CommandContext
from ops.users import CUSTOMER, OPERATOR, token_for

app = typer.Typer()


@app.command()
def outputs(context: typer.Context) -> None:
    """Print the names and addresses of the stage's resources as JSON."""
    print_json(context.obj.outputs)


@app.command()
def token(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option(envvar=USER, help="The user's name; default on the stage local: customer or operator.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="Sign in an operator, and not a customer.")] = False,
) -> None:
    """Print an ID token for the API. The stage local creates the user; other stages ask for the password."""
    work: CommandContext = context.obj
    name = user or (OPERATOR if operator else CUSTOMER)
    typer.echo(token_for(work.stage, work.outputs, name, operator=operator))
