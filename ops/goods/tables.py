"""The tables of products and shipments. They fit into eighty columns."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from contracts.values.money import Money, format_money
from ops.console import plain


def price_of(product: Mapping[str, Any]) -> str:
    """Return a product's price as text."""
    return format_money(msgspec.convert(product["price"], Money))


def products_table(products: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with a row for each product."""
    table = _table("SKU", "name")
    table.add_column("price", justify="right", no_wrap=True)
    for product in products:
        table.add_row(product["sku"], _text(product["name"]), price_of(product))
    return table


def shipments_table(shipments: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with a row for each shipment to pick: the order and when it was confirmed, goods, and receiver."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    # An id that is cut off cannot be copied.
    table.add_column("order", no_wrap=True)
    for name in ("goods", "to"):
        table.add_column(name, overflow="fold")
    for shipment in shipments:
        goods = "\n".join(f"{line['quantity']:,} x {line['sku']}" for line in shipment["lines"])
        table.add_row(
            f"{shipment['id']}\n{shipment['confirmed_at']}", _text(goods), _text(_receiver(shipment["address"]))
        )
    return table


def _receiver(address: Mapping[str, Any] | None) -> str:
    """Return the lines of an address, which may be erased."""
    if address is None:
        return "erased: do not send it, cancel the order"
    place = f"{address['postal_code']} {address['city']}, {address['country']}"
    return "\n".join([address["name"], address["street"], place])


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _text(text: str) -> str:
    """Return a text of a user as a table shows it."""
    return escape(plain(text))
