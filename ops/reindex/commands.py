"""The command `tidings reindex`."""

from typing import Annotated, Any

import typer

from ops.console import print_note, print_result, step
from ops.context import CommandContext
from ops.counts import counted
from ops.errors import CommandError
from ops.refusals import name_refused
from ops.services import service_named
from tidings.aws.recovery import DynamoIndexedTable
from tidings.core.service import Service
from tidings.core.strategy import Batched, OneByOne
from tidings.handling.pace import Pace
from tidings.recovery import ReindexCheckpoint, Reindexer
from tidings.recovery.reindex import OVERTAKEN, REWRITTEN, RIGHT, UNREADABLE

app = typer.Typer()


@app.command()
def reindex(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service whose indexes are filled.")],
    rate: Annotated[float, typer.Option(min=0.1, help="Maximum number of entities written a second.")] = 100.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the entities, and write none.")] = False,
) -> None:
    """Fill the indexes of a service from its entities.

    DynamoDB fills a new index with the items that have its key attributes. Entities that were stored before the service
    declared the index lack them until their next write. Deploy the service first, and run this with the same code. An
    entity that its service writes meanwhile is left to it. If the command breaks off, run it again: it continues where
    it was.
    """
    work: CommandContext = context.obj
    declared = service_named(service)
    check_service(declared)
    client = work.stage.client("dynamodb")
    name = work.outputs.table(service)
    identity = client.describe_table(TableName=name)["Table"].get("TableId", "")
    # A table that was created again is reindexed from its beginning.
    checkpoint = ReindexCheckpoint(work.directory / f"reindex-{work.stage_name}-{service}-{identity}.txt")
    table = DynamoIndexedTable(client, name)
    with step(f"Counting the entities of {service}" if dry_run else f"Reindexing {service}") as shown:
        if not dry_run and checkpoint.load():
            print_note("Continuing where the last run broke off.")
        reindexer = Reindexer(
            declared,
            table,
            None if dry_run else Pace(rate),
            None if dry_run else checkpoint,
            lambda counts: shown.update(f"{sum(counts.values()):,} entities read, {counts.get(REWRITTEN, 0):,} wrong"),
        )
        counts = reindexer.run()
    verb = "would be rewritten" if dry_run else "rewritten"
    print_result(
        f"{service}: {counted(counts[REWRITTEN], 'item')} {verb}, {counts[RIGHT]:,} right, "
        f"{counts[OVERTAKEN]:,} written by the service meanwhile"
    )
    if unreadable := reindexer.unreadable:
        raise CommandError(
            f"{counts[UNREADABLE]:,} of them cannot be decoded by this code and are as they were: "
            f"{name_refused(unreadable)}"
        )


def check_service(service: Service[Any]) -> None:
    """Raise `CommandError` if the service has no index that its entities are in by declaration."""
    if not service.indexes:
        raise CommandError(f"{service.name} declares no index")
    if not isinstance(service.strategy, OneByOne | Batched) or not all(
        index.holds_entities for index in service.indexes
    ):
        way = f"; tidings replay {service.name} --rebuild builds them again" if service.rebuildable else ""
        raise CommandError(f"{service.name} stores the items of its indexes itself{way}")
