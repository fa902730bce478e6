"""The commands `tidings orders …` and `tidings timeline`."""

import os
import re
from typing import Annotated, Any

import msgspec
import typer

from contracts.values.money import Money, format_money
from ops.console import print_answer, progress, results
from ops.context import USER, CommandContext, Json, Yes
from ops.errors import CommandError
from ops.orders.client import ShopClient, order_request
from ops.orders.expiry import expire_orders
from ops.orders.timeline import timeline_table
from ops.times import parse_duration
from ops.users import CUSTOMER, OPERATOR, token_for

app = typer.Typer(no_args_is_help=True, help="Place, show, cancel and expire orders.")
timeline_app = typer.Typer()

User = Annotated[str, typer.Option(envvar=USER, help="The user's name. The stage local creates the user.")]
Reader = Annotated[
    str | None, typer.Option(envvar=USER, help="The user's name; default on the stage local: an operator.")
]


def _client(work: CommandContext, user: str, *, operator: bool = False) -> ShopClient:
    """Return the API's client for a user, or for the token in TIDINGS_TOKEN."""
    token = os.environ.get("TIDINGS_TOKEN") or token_for(work.stage, work.outputs, user, operator=operator)
    return ShopClient(work.outputs.api, token, operator=operator)


def _reader(work: CommandContext, user: str | None) -> ShopClient:
    """Return the API's client for a user, or by default for an operator, who may see every order."""
    return _client(work, user) if user else _client(work, OPERATOR, operator=True)


def _parse_line(text: str) -> tuple[str, int]:
    sku, _, quantity = text.partition(":")
    if not sku or not re.fullmatch(r"\d*", quantity):
        raise typer.BadParameter(f"{text!r} is not SKU:QUANTITY")
    return sku, int(quantity or 1)


@app.command()
def place(
    context: typer.Context,
    sku: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU:QTY", help="A line; may be repeated. Default: one unit of the first product."),
    ] = None,
    payment_method: Annotated[str, typer.Option(help="The payment method.")] = "pm_card_visa",
    key: Annotated[str | None, typer.Option(help="The idempotency key; default: a new one.")] = None,
    user: User = CUSTOMER,
    as_json: Json = False,
) -> None:
    """Place an order, sent to an example address."""
    lines = [_parse_line(text) for text in sku or ()]
    work: CommandContext = context.obj
    client = _client(work, user)
    order = order_request(lines or [(_first_sku(client, work), 1)], payment_method)
    placed = client.place(order, key).json()
    print_answer(placed, as_json, lambda: typer.echo(_format(placed)))


def _first_sku(client: ShopClient, work: CommandContext) -> str:
    products = client.products()
    if not products:
        remedy = (
            f"{work.command('demo')} fills it" if work.is_local else "an operator fills it; see docs/guides/deploy.md"
        )
        raise CommandError(f"the catalogue is empty; {remedy}")
    return str(products[0]["sku"])


@app.command()
def show(context: typer.Context, order_id: str, user: Reader = None, as_json: Json = False) -> None:
    """Show an order."""
    order = _reader(context.obj, user).order(order_id)
    print_answer(order, as_json, lambda: typer.echo(_format(order)))


@app.command()
def cancel(context: typer.Context, order_id: str, user: User = CUSTOMER) -> None:
    """Cancel an order."""
    typer.echo(_format(_client(context.obj, user).cancel(order_id)))


@app.command()
def expire(
    context: typer.Context,
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION", parser=parse_duration, help="Like 90s, 30m or 2h; default: the stage's limit."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Cancel the orders that have been pending for too long. Ask first if the limit is not the stage's."""
    work: CommandContext = context.obj
    if older_than is not None and not yes:
        text = f"Every order of {work.stage.name} that has been pending for {older_than} s will be cancelled"
        typer.confirm(f"{text}. Continue?", abort=True, err=True)
    result = expire_orders(work.stage, older_than)
    typer.echo(f"{result.cancelled} cancelled, {result.failed} failed")
    if not result.finished:
        progress.print("The job's time ran out. Its next run, within a minute, continues.")
    if result.failed:
        raise CommandError(f"some orders could not be cancelled; read {work.command('logs orders-expiry --problems')}")


@timeline_app.command()
def timeline(context: typer.Context, order_id: str, user: Reader = None, as_json: Json = False) -> None:
    """Show all events of an order, and the cause of each."""
    found = _reader(context.obj, user).timeline(order_id)
    print_answer(found, as_json, lambda: results.print(timeline_table(found)))


def _format(order: dict[str, Any]) -> str:
    goods = ", ".join(f"{line['quantity']} x {line['sku']}" for line in order["lines"])
    total = format_money(msgspec.convert(order["total"], Money))
    reason = f" ({order['reason']})" if order.get("reason") else ""
    waiting = order.get("waiting_for")
    return f"{order['id']}: {order['status']}{reason}, {goods}, {total}" + (
        f", waiting for {', '.join(waiting)}" if waiting else ""
    )
