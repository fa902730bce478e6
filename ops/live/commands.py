"""The command `tidings tail`."""

from typing import Annotated

import msgspec
import typer

from ops.console import plain, print_note
from ops.context import CommandContext, Operator
from ops.errors import CommandError
from ops.ids import parse_order_id
from ops.live.stream import LiveStream, Notification, Selection
from ops.live.websocket import connector

app = typer.Typer()


@app.command()
def tail(
    context: typer.Context,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type, such as OrderPlaced. May be repeated.")
    ] = None,
    sources: Annotated[
        list[str] | None, typer.Option("--source", help="Only events of this service, such as orders. May be repeated.")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ORDER", parser=parse_order_id, help="Only events of this order.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
    user: Operator = None,
) -> None:
    """Show events as they happen, as an operator, until Ctrl+C. Past events are in `tidings timeline`."""
    work: CommandContext = context.obj
    if not (url := work.outputs.live):
        raise CommandError(f"the stage {work.stage_name} has no WebSocket API")
    selection = Selection(frozenset(types or ()), frozenset(sources or ()), order)
    first = work.shop(user, operator=True)

    def ticket() -> str:
        # A token is valid for minutes. On the local cloud a new one needs no password.
        shop = work.shop(user, operator=True) if work.is_local else first
        return shop.live_ticket()

    try:
        for notification in LiveStream(ticket, connector(url), print_note).notifications():
            if notification in selection:
                typer.echo(msgspec.json.encode(notification) if as_json else _line(notification))
    except KeyboardInterrupt:
        # So the user ends it.
        return


def _line(event: Notification) -> str:
    """Return a line for an event: when, which order, which service, what, and which event caused it."""
    cause = event.get("causationid")
    # Of this order's own events the id has a part that the line already shows.
    caused = f"  after {cause.replace('/' + event['subject'], '')}" if cause else ""
    return plain(f"{event['time']}  {event['subject']}  {event['source']:<14} {event['type']}{caused}")
