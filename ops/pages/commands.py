"""The commands `tidings pages …`."""

from pathlib import Path
from typing import Annotated

import typer

from ops.console import print_json, print_result, step
from ops.context import CommandContext
from ops.errors import CommandError
from ops.outputs import PagesOutputs
from ops.pages.config import config_of
from ops.pages.sign_in import describe_pages
from ops.pages.upload import BUILT, upload

app = typer.Typer(no_args_is_help=True, help="Upload the pages, and show their addresses.")


@app.command("upload")
def upload_(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--from", metavar="FOLDER", help="The folder of the built pages.")] = BUILT,
) -> None:
    """Upload the built pages with the stage's configuration."""
    work: CommandContext = context.obj
    pages = _pages(work)
    with step("Uploading the pages"):
        upload(work.stage, pages, config_of(work.stage_name, work.outputs, pages), folder)
    print_result(describe_pages(work.stage, work.outputs, pages))


@app.command()
def config(context: typer.Context) -> None:
    """Print the configuration of the stage's pages: the file config.json."""
    work: CommandContext = context.obj
    print_json(config_of(work.stage_name, work.outputs, _pages(work)))


@app.command()
def show(context: typer.Context) -> None:
    """Print the addresses of the pages, and local accounts for them."""
    work: CommandContext = context.obj
    print_result(describe_pages(work.stage, work.outputs, _pages(work)))


def _pages(work: CommandContext) -> PagesOutputs:
    if work.outputs.pages is None:
        raise CommandError(f"the stage {work.stage_name} has no pages")
    return work.outputs.pages
