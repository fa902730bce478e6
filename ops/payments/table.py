"""The texts about a payment and its refunds. They fit into eighty columns."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from contracts.values.money import Money, format_money
from ops.console import plain


def describe_payment(order: str, payment: Mapping[str, Any]) -> str:
    """Return lines about a payment as operators see it, without its refunds."""
    lines = [f"{order}: {_words(payment['status'])}{_amounts(payment)}"]
    if payment["payment"]:
        lines.append(f"payment {payment['payment']}")
    lines += [f"dispute {dispute['id']}: {dispute['status']}" for dispute in payment["disputes"]]
    if payment["due"]:
        lines.append(f"checked again at {payment['due']}")
    return "\n".join(lines)


def describe_refund(order: str, refund: Mapping[str, Any]) -> str:
    """Return a line about a refund."""
    code = f" ({refund['code']})" if refund["code"] else ""
    return f"{order}: refund {refund['id']}, {_money(refund['amount'])}, {refund['status']}{code}"


def refunds_table(refunds: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with two rows for each refund: its name and time, amount and reason, status and code."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    # A name that is cut off cannot be copied. It has 64 characters at most.
    table.add_column("refund", overflow="fold")
    table.add_column("amount", no_wrap=True)
    table.add_column("status", overflow="fold")
    for refund in refunds:
        attempt = f", attempt {refund['attempt']}" if refund["attempt"] > 1 else ""
        table.add_row(
            f"{_text(refund['id'])}\n{refund['at']}",
            f"{_money(refund['amount'])}\n{refund['reason']}",
            f"{refund['status']}{attempt}\n{_text(refund['code'])}",
        )
    return table


def _amounts(payment: Mapping[str, Any]) -> str:
    if payment["amount"] is None:
        return ""
    left = f", {_money(payment['left'])} left" if payment["status"] == "captured" else ""
    return f", {_money(payment['amount'])}{left}"


def _money(amount: Mapping[str, Any]) -> str:
    return format_money(msgspec.convert(amount, Money))


def _words(status: str) -> str:
    return status.replace("_", " ")


def _text(text: str) -> str:
    """Return a text of the gateway as a table shows it."""
    return escape(plain(text))
