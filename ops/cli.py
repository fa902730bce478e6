"""The command `tidings`, put together from its command families."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ops.access import commands as access
from ops.audit import commands as audit
from ops.console import plain, progress
from ops.context import CommandContext
from ops.deploy import commands as deploy
from ops.dlq import commands as dlq
from ops.environment import describe, is_expected
from ops.errors import CommandError
from ops.faults import commands as faults
from ops.goods import commands as goods
from ops.live import commands as live
from ops.local import commands as local
from ops.local.cloud import LocalCloud
from ops.mappings import commands as mappings
from ops.monitoring import commands as monitoring
from ops.orders import commands as orders
from ops.pages import commands as pages
from ops.payments import commands as payments
from ops.privacy import commands as privacy
from ops.recover import commands as recover
from ops.reindex import commands as reindex
from ops.relay import commands as relay
from ops.replay import commands as replay
from ops.retire import commands as retire
from ops.sales import commands as sales
from ops.scaffold import commands as scaffold
from ops.stage import LOCAL, ROOT, STAGES
from tidings import __version__
from tidings.recovery import RecoveryError


class CommandGroup(TyperGroup):
    """A group of commands. An expected error is one line on stderr and the exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not (isinstance(error, CommandError | RecoveryError | TimeoutError) or is_expected(error)):
                raise
            progress.print("[bold red]Error:[/]", end=" ")
            progress.print(plain(describe(error)), markup=False, soft_wrap=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidings {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    stage: Annotated[
        str,
        typer.Option(envvar="TIDINGS_STAGE", help="local, dev or prod.", autocompletion=lambda: list(STAGES)),
    ] = LOCAL,
    directory: Annotated[
        Path, typer.Option("--local", envvar="TIDINGS_LOCAL", help="The folder for the local cloud's files.")
    ] = ROOT / ".local",
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Operate the shop on the local cloud, or on AWS by the settings of AWS's own tools."""
    context.obj = CommandContext(stage, LocalCloud(directory.resolve()))


FAMILIES = (
    local,
    deploy,
    retire,
    faults,
    access,
    sales,
    monitoring,
    live,
    replay,
    recover,
    relay,
    reindex,
    audit,
    mappings,
)

for family in FAMILIES:
    app.add_typer(family.app)
app.add_typer(orders.timeline_app)
app.add_typer(orders.app, name="orders")
app.add_typer(local.demo_app, name="demo")
app.add_typer(goods.products, name="products")
app.add_typer(goods.stock, name="stock")
app.add_typer(goods.shipments, name="shipments")
app.add_typer(pages.app, name="pages")
app.add_typer(payments.app, name="payments")
app.add_typer(privacy.customer, name="customer")
app.add_typer(privacy.privacy, name="privacy")
app.add_typer(dlq.app, name="dlq")
app.add_typer(scaffold.app, name="new")
