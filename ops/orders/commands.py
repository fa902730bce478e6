"""The commands `tidings orders …` and `tidings timeline`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import typer

from contracts.values.money import Money, format_money
from ops.amounts import parse_amount
from ops.console import print_answer, progress, results, step
from ops.context import USER, CommandContext, Json, OrderId, Yes
from ops.errors import CommandError
from ops.ids import parse_key
from ops.jobs import expire_orders
from ops.orders.approval import decide_approval
from ops.orders.client import RefusedError, ShopClient, order_request
from ops.orders.timeline import timeline_table
from ops.times import parse_duration

app = typer.Typer(no_args_is_help=True, help="Place, approve, show, cancel and expire orders.")
timeline_app = typer.Typer()

STOPPED = "docs/runbook.md#expiry-stopped"
"""The runbook's entry about a stopped expiry job."""

Placer = Annotated[
    str | None, typer.Option("--user", envvar=USER, help="The customer's name; default on the stage local: customer.")
]
User = Annotated[
    str | None,
    typer.Option("--user", envvar=USER, help="The user's name; default on the stage local: operator, or customer."),
]
AsCustomer = Annotated[
    bool, typer.Option("--customer", help="Act as the customer who placed the order, and not as an operator.")
]


@contextmanager
def _refusing_unknown(order_id: str, as_customer: bool, hint: str = "") -> Iterator[None]:
    """Replace the API's answer about an order that it does not find by a sentence that names the order."""
    try:
        yield
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        whose = "this customer has no order" if as_customer else "there is no order"
        raise CommandError(f"{whose} {order_id}{hint}") from refusal


def _parse_line(text: str) -> tuple[str, int]:
    sku, _, quantity = text.partition(":")
    if not sku or not re.fullmatch(r"[0-9]{0,9}", quantity):
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
    expected_total: Annotated[
        Money | None,
        typer.Option(
            metavar="TOTAL",
            parser=parse_amount,
            help="Place the order only if it costs this much now, like 25.98EUR. Default: any total.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", parser=parse_key, help="The idempotency key; default: a new one.")
    ] = None,
    user: Placer = None,
    as_json: Json = False,
) -> None:
    """Place an order as a customer, sent to an example address."""
    lines = [_parse_line(text) for text in sku or ()]
    work: CommandContext = context.obj
    client = work.shop(user)
    order = order_request(lines or [(_first_sku(client, work), 1)], payment_method, expected_total)
    with _showing_total():
        placed = client.place(order, key).json()
    print_answer(placed, as_json, lambda: typer.echo(_format(placed)))


@contextmanager
def _showing_total() -> Iterator[None]:
    """Replace the API's answer about another total by a sentence that says how to agree to it."""
    try:
        yield
    except RefusedError as refusal:
        if "total" not in refusal.problem:
            raise
        total = format_money(msgspec.convert(refusal.problem["total"], Money))
        raise CommandError(
            f"nothing was ordered, because the order costs {total} now; to agree to that, repeat the command with "
            f"--expected-total {total.replace(' ', '')}"
        ) from refusal


def _first_sku(client: ShopClient, work: CommandContext) -> str:
    products = client.products()
    if not products:
        remedy = (
            f"{work.command('demo')} fills it" if work.is_local else "an operator fills it; see docs/guides/deploy.md"
        )
        raise CommandError(f"the catalogue is empty; {remedy}")
    return str(products[0]["sku"])


@app.command()
def approve(
    context: typer.Context,
    order_id: OrderId,
    decline: Annotated[bool, typer.Option("--decline", help="Decline the payment instead.")] = False,
    user: Placer = None,
) -> None:
    """Approve a payment at the simulated bank, as the customer.

    The order's customer does so in a terminal. At Stripe only a browser can.
    """
    work: CommandContext = context.obj
    with _refusing_unknown(order_id, as_customer=True), step("Asking the bank"):
        decide_approval(work.shop(user), order_id, "decline" if decline else "approve")
    typer.echo(f"{order_id}: {'declined' if decline else 'approved'} at the bank")


@app.command()
def show(
    context: typer.Context,
    order_id: OrderId,
    user: User = None,
    as_customer: AsCustomer = False,
    as_json: Json = False,
) -> None:
    """Show an order, as an operator."""
    work: CommandContext = context.obj
    with _refusing_unknown(order_id, as_customer):
        order = work.shop(user, operator=not as_customer).order(order_id)
    print_answer(order, as_json, lambda: typer.echo(_format(order)))


@app.command()
def cancel(
    context: typer.Context,
    order_id: OrderId,
    user: User = None,
    as_customer: AsCustomer = False,
    as_json: Json = False,
) -> None:
    """Cancel an order that is not dispatched, as an operator. A payment is refunded."""
    work: CommandContext = context.obj
    with _refusing_unknown(order_id, as_customer):
        order = work.shop(user, operator=not as_customer).cancel(order_id)
    print_answer(order, as_json, lambda: typer.echo(_format(order)))


@app.command()
def expire(
    context: typer.Context,
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION", parser=parse_duration, help="Like 90s, 30m or 2h; default: the stage's limit."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="First let a job go on that stopped because many orders expired.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Cancel the orders that have been pending for too long. Ask first if the limit is not the stage's.

    When many orders expire, the job stops until an operator resumes it: another service may be down.
    """
    work: CommandContext = context.obj
    if older_than is not None and not yes:
        text = f"Every order of {work.stage.name} that has been pending for {older_than} s will be cancelled"
        typer.confirm(f"{text}. Continue?", abort=True, err=True)
    result = expire_orders(work.stage, older_than, resume=resume)
    if resume:
        progress.print("The job goes on." if result.resumed else "The job was not stopped.")
    typer.echo(f"{result.cancelled} cancelled, {result.failed} failed")
    if not (result.finished or result.stopped):
        progress.print("The job's time ran out. Its next run, within a minute, continues.")
    if result.stopped:
        raise CommandError(
            f"the job is stopped, because many orders expired; see {STOPPED}, and then "
            f"{work.command('orders expire --resume')}"
        )
    if result.failed:
        raise CommandError(f"some orders could not be cancelled; read {work.command('logs orders-expiry --problems')}")


@timeline_app.command()
def timeline(
    context: typer.Context,
    order_id: OrderId,
    user: User = None,
    as_customer: AsCustomer = False,
    as_json: Json = False,
) -> None:
    """Show all events of an order, and the cause of each.

    An operator sees the events of every order. A customer sees only those of orders that this customer placed.
    """
    work: CommandContext = context.obj
    with _refusing_unknown(order_id, as_customer, ", or its first event is not recorded yet"):
        found = work.shop(user, operator=not as_customer).timeline(order_id)
    print_answer(found, as_json, lambda: results.print(timeline_table(found)))


def _format(order: dict[str, Any]) -> str:
    goods = ", ".join(f"{line['quantity']} x {line['sku']}" for line in order["lines"])
    total = format_money(msgspec.convert(order["total"], Money))
    reason = f" ({order['reason']})" if order.get("reason") else ""
    waiting = f", waiting for {', '.join(order['waiting_for'])}" if order.get("waiting_for") else ""
    dispute = f", dispute {order['dispute']}" if order.get("dispute") else ""
    return f"{order['id']}: {order['status']}{reason}, {goods}, {total}{waiting}{dispute}"
