"""The command `tidings tail`."""

from contextlib import AbstractContextManager
from typing import Annotated

import msgspec
import typer
from botocore.exceptions import BotoCoreError, ClientError

from ops.console import plain, print_note
from ops.context import CommandContext, Operator
from ops.environment import describe
from ops.errors import CommandError
from ops.ids import parse_order_id
from ops.live.choices import check_sources, check_types
from ops.live.stream import Connection, LiveStream, Notification, Selection
from ops.live.websocket import connector
from ops.orders import ShopClient
from tidings.recovery import RecoveryError

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
    if not work.outputs.live:
        raise CommandError(f"the stage {work.stage_name} has no WebSocket API")
    check_types(types or ())
    check_sources(sources or ())
    selection = Selection(frozenset(types or ()), frozenset(sources or ()), order)
    access = _Access(work, user)
    stream = LiveStream(access.ticket, access.connect, print_note)
    try:
        for notification in stream.notifications():
            if notification in selection:
                typer.echo(msgspec.json.encode(notification) if as_json else _line(notification))
    except KeyboardInterrupt:
        # So the user ends it.
        return


class _Access:
    """The tickets of an operator, and the connections to a stage."""

    def __init__(self, work: CommandContext, user: str | None) -> None:
        self._work = work
        self._user = user
        self._shop: ShopClient | None = None

    def ticket(self) -> str:
        """Ask the API for a ticket.

        Raises:
            CommandError: If the API or the sign-in refuses, or does not answer.
        """
        try:
            return self._signed_in().live_ticket()
        except (BotoCoreError, ClientError, RecoveryError, TimeoutError) as error:
            raise CommandError(describe(error)) from error

    def connect(self, ticket: str) -> AbstractContextManager[Connection]:
        """Open a connection with a ticket."""
        return connector(self._work.outputs.live or "")(ticket)

    def _signed_in(self) -> ShopClient:
        if self._shop is None:
            self._shop = self._work.shop(self._user, operator=True)
        elif self._work.is_local:
            # A token is valid for minutes. On the local cloud a new one needs no password. The cloud may be another one
            # by now, with other addresses.
            self._work = CommandContext(self._work.stage_name, self._work.cloud)
            self._shop = self._work.shop(self._user, operator=True)
        return self._shop


def _line(event: Notification) -> str:
    """Return a line for an event: when, which order, which service, what, and which event caused it."""
    cause = event.get("causationid")
    # Of this order's own events the id has a part that the line already shows.
    caused = f"  after {cause.replace('/' + event['subject'], '')}" if cause else ""
    return plain(f"{event['time']}  {event['subject']}  {event['source']:<14} {event['type']}{caused}")
