"""The commands `tidings payments …`."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, get_args

import typer
from msgspec.structs import asdict

from contracts.values.money import Money
from contracts.values.refund import OperatorsReason
from ops.amounts import parse_amount
from ops.console import print_answer, print_note, print_result, results
from ops.context import CommandContext, Json, Operator, OrderId
from ops.errors import CommandError
from ops.ids import parse_key, parse_refund
from ops.jobs import check_payments, report_disputes
from ops.orders.client import RefusedError
from ops.payments.table import describe_payment, describe_refund, refunds_table

app = typer.Typer(no_args_is_help=True, help="Show, refund and check the payments of orders.")

REASONS = ", ".join(get_args(OperatorsReason))

RefundName = Annotated[
    str, typer.Argument(metavar="REFUND", parser=parse_refund, help="The refund's name, as payments show prints it.")
]


@contextmanager
def _naming_order(order: str) -> Iterator[None]:
    """Replace the API's answer about a payment that it does not find by a sentence that names the order."""
    try:
        yield
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        raise CommandError(f"there is no order {order}, or payment has not received it yet") from refusal


@contextmanager
def _naming_refund(work: CommandContext, order: str, refund: str) -> Iterator[None]:
    """Replace the API's answer about a refund that it does not find by a sentence that says where refunds are named."""
    try:
        yield
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        raise CommandError(
            f"order {order} has no refund {refund}; {work.command(f'payments show {order}')} names its refunds"
        ) from refusal


@app.command()
def show(context: typer.Context, order: OrderId, user: Operator = None, as_json: Json = False) -> None:
    """Show an order's payment, as an operator.

    It shows what is left of the payment, its refunds and its disputes.
    """
    work: CommandContext = context.obj
    with _naming_order(order):
        payment = work.shop(user, operator=True).payment(order)

    def print_text() -> None:
        print_result(describe_payment(order, payment))
        if payment["refunds"]:
            results.print(refunds_table(payment["refunds"]))

    print_answer(payment, as_json, print_text)


def _parse_reason(text: str) -> str:
    if text not in get_args(OperatorsReason):
        raise typer.BadParameter(f"{text!r} is not one of {REASONS}")
    return text


@app.command()
def refund(
    context: typer.Context,
    order: OrderId,
    amount: Annotated[Money, typer.Argument(metavar="AMOUNT", parser=parse_amount, help="The amount, like 12.99EUR.")],
    reason: Annotated[str, typer.Option(metavar="REASON", parser=_parse_reason, help=f"Why: {REASONS}.")],
    key: Annotated[
        str | None, typer.Option(metavar="KEY", parser=parse_key, help="The idempotency key; default: a new one.")
    ] = None,
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Refund a part of an order's captured payment, as an operator.

    It may be all of it. A repeat with the same key makes no second refund. The refund is made within a minute.
    """
    work: CommandContext = context.obj
    with _naming_order(order):
        made = work.shop(user, operator=True).refund(order, asdict(amount), reason, key or str(uuid.uuid4()))
    print_answer(made, as_json, lambda: print_result(describe_refund(order, made)))


@app.command()
def retry(
    context: typer.Context, order: OrderId, refund: RefundName, user: Operator = None, as_json: Json = False
) -> None:
    """Try a failed refund again, as an operator."""
    work: CommandContext = context.obj
    with _naming_refund(work, order, refund):
        again = work.shop(user, operator=True).retry_refund(order, refund)
    print_answer(again, as_json, lambda: print_result(describe_refund(order, again)))


@app.command()
def settle(
    context: typer.Context, order: OrderId, refund: RefundName, user: Operator = None, as_json: Json = False
) -> None:
    """Record that a failed refund's money went back otherwise.

    An operator has returned the money in another way, such as by a bank transfer. The command moves no money.
    """
    work: CommandContext = context.obj
    with _naming_refund(work, order, refund):
        settled = work.shop(user, operator=True).settle_refund(order, refund)
    print_answer(settled, as_json, lambda: print_result(describe_refund(order, settled)))


@app.command()
def check(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also check the payments that are not due yet.")] = False,
    disputes: Annotated[
        bool, typer.Option("--disputes", help="Instead ask for the disputes of the last three days.")
    ] = False,
) -> None:
    """Ask the payment gateway about the payments that wait.

    On AWS a schedule does so every minute. They wait for an approval, the bank, a refund or a dispute.
    """
    if everything and disputes:
        raise CommandError("name one of --all and --disputes")
    work: CommandContext = context.obj
    if disputes:
        print_result(f"Payments with a dispute that are checked now: {report_disputes(work.stage).reported}")
        return
    result = check_payments(work.stage, everything=everything)
    print_result(f"{result.ended} ended, {result.waiting} still wait, {result.failed} failed")
    if not result.finished:
        print_note("The job's time ran out. Its next run, within a minute, continues.")
    if result.failed:
        raise CommandError(f"some payments could not be checked; read {work.command('logs payment-checks --problems')}")
