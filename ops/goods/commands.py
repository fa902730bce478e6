"""The commands `tidings products …`, `tidings stock …` and `tidings shipments …`."""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

import typer
from msgspec.structs import asdict

from contracts.values.money import Money
from ops.amounts import parse_amount
from ops.console import print_answer, print_result, progress, results
from ops.context import CommandContext, Json, Operator, OrderId
from ops.errors import CommandError
from ops.goods.tables import price_of, products_table, shipments_table
from ops.orders.client import RefusedError, ShopClient

products = typer.Typer(no_args_is_help=True, help="List, show and set products.")
stock = typer.Typer(no_args_is_help=True, help="Show and set the stock of products.")
shipments = typer.Typer(no_args_is_help=True, help="List the shipments to pick, and dispatch them.")

MAX_NAMED = 20
"""Maximum number of products that an error names."""

Sku = Annotated[str, typer.Argument(metavar="SKU", help="The product's SKU.")]


@products.command("list")
def list_products(context: typer.Context, as_json: Json = False) -> None:
    """List all products, by SKU."""
    found = list(_anyone(context.obj).all_products())
    print_answer(found, as_json, lambda: results.print(products_table(found)))


@products.command("show")
def show_product(context: typer.Context, sku: Sku, as_json: Json = False) -> None:
    """Show a product."""
    work: CommandContext = context.obj
    found = _existing(work, _anyone(work), sku)
    print_answer(found, as_json, lambda: print_result(_describe_product(found)))


@products.command("set")
def set_product(
    context: typer.Context,
    sku: Sku,
    name: Annotated[str | None, typer.Option(help="Its name. Default: it stays.")] = None,
    price: Annotated[
        Money | None,
        typer.Option(
            metavar="PRICE", parser=parse_amount, help="The price of a unit, like 12.99EUR. Default: it stays."
        ),
    ] = None,
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Set the name or the price of a product, as an operator. A new SKU becomes a new product, and needs both.

    Orders placed before keep their price.
    """
    if name is None and price is None:
        raise CommandError("name what to set: --name, --price or both")
    work: CommandContext = context.obj
    client = work.shop(user, operator=True)
    terms = client.product(sku) if name is None or price is None else {}
    if terms is None:
        raise CommandError(f"there is no product {sku!r} yet: a new one needs --name and --price")
    put = client.put_product(sku, {"name": name or terms["name"], "price": asdict(price) if price else terms["price"]})
    print_answer(put, as_json, lambda: print_result(_describe_product(put)))


@stock.command("show")
def show_stock(context: typer.Context, sku: Sku, user: Operator = None, as_json: Json = False) -> None:
    """Show how many units of a product are on hand, reserved for orders, and available, as an operator."""
    work: CommandContext = context.obj
    client = work.shop(user, operator=True)
    found = client.stock(sku)
    if found is None:
        _existing(work, client, sku)
        raise CommandError(f"the stock of {sku} was never set; {work.command(f'stock set {sku} UNITS')} sets it")
    print_answer(found, as_json, lambda: print_result(_describe_stock(found)))


@stock.command("set")
def set_stock(
    context: typer.Context,
    sku: Sku,
    units: Annotated[int, typer.Argument(metavar="UNITS", min=0, help="The units on hand, with those reserved.")],
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Set how many units of a product are on hand after a count or a delivery, as an operator."""
    work: CommandContext = context.obj
    client = work.shop(user, operator=True)
    _existing(work, client, sku)
    put = client.put_stock(sku, units)
    print_answer(put, as_json, lambda: print_result(_describe_stock(put)))


@shipments.command("list")
def list_shipments(context: typer.Context, user: Operator = None, as_json: Json = False) -> None:
    """List the shipments to pick, oldest first, as an operator."""
    work: CommandContext = context.obj
    found = list(work.shop(user, operator=True).shipments())

    def print_text() -> None:
        if found:
            results.print(shipments_table(found))
        else:
            progress.print("There is no shipment to pick.")

    print_answer(found, as_json, print_text)


@shipments.command("dispatch")
def dispatch(
    context: typer.Context,
    order: OrderId,
    tracking: Annotated[str, typer.Option(metavar="CODE", help="The carrier's tracking code.")] = "",
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Record that an order's goods have left, as an operator. A repeat changes nothing."""
    work: CommandContext = context.obj
    try:
        shipment = work.shop(user, operator=True).dispatch(order, tracking)
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        raise CommandError(
            f"there is no shipment of order {order}; {work.command('shipments list')} lists those to pick"
        ) from refusal
    print_answer(shipment, as_json, lambda: print_result(_describe_shipment(shipment)))


def _anyone(work: CommandContext) -> ShopClient:
    """Return the API's client without a token."""
    return ShopClient(work.outputs.api)


def _existing(work: CommandContext, client: ShopClient, sku: str) -> Mapping[str, Any]:
    """Return a product.

    Raises:
        CommandError: If no product has the SKU. The error names the products if they are few.
    """
    if found := client.product(sku):
        return found
    names = [product["sku"] for product in islice(client.all_products(), MAX_NAMED + 1)]
    known = (
        "the catalogue is empty"
        if not names
        else f"there are {', '.join(names)}"
        if len(names) <= MAX_NAMED
        else f"{work.command('products list')} names them"
    )
    raise CommandError(f"there is no product {sku!r}; {known}")


def _describe_product(product: Mapping[str, Any]) -> str:
    return f"{product['sku']}: {product['name']}, {price_of(product)}"


def _describe_stock(level: Mapping[str, Any]) -> str:
    parts = (f"{level[part]:,} {part.replace('_', ' ')}" for part in ("on_hand", "reserved", "available"))
    return f"{level['sku']}: {', '.join(parts)}"


def _describe_shipment(shipment: Mapping[str, Any]) -> str:
    goods = ", ".join(f"{line['quantity']} x {line['sku']}" for line in shipment["lines"])
    tracking = f", tracking {shipment['tracking']}" if shipment["tracking"] else ""
    return f"{shipment['id']}: {shipment['status']}, {goods}{tracking}"
