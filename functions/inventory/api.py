"""The routes of inventory."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.goods import Sku
from functions.inventory.stock import Level, Stock
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

NO_STOCK = Rule(404, "No stock", "The stock of this product was never set.")
BELOW_RESERVED = Rule(422, "Below what is reserved", "More units are reserved for orders than would be on hand.")


class StockRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The units of a product that are on hand, including reserved ones."""

    on_hand: Annotated[int, Meta(ge=0, le=10**9)]


class StockView(Struct, frozen=True):
    """A product's stock. The units on hand are reserved for orders, or available to new ones."""

    sku: str
    on_hand: int
    reserved: int
    available: int


class Api:
    """The routes of inventory."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    @route("GET", "/operators/stock/{sku}", StockView, path={"sku": Sku}, rules=(NO_STOCK,))
    def show(self, request: Request) -> StockView:
        """Show a product's stock."""
        sku = request.path["sku"]
        level = self._stock.read(sku)
        if level is None:
            raise Problem(NO_STOCK, f"The stock of {sku} was never set. PUT it first.", field="sku")
        return _view(sku, level)

    @route("PUT", "/operators/stock/{sku}", StockView, path={"sku": Sku}, body=StockRequest, rules=(BELOW_RESERVED,))
    def put(self, request: Request, body: StockRequest) -> StockView:
        """Set the units of a product that are on hand, after a count or a delivery."""
        sku = request.path["sku"]
        level = self._stock.set_on_hand(sku, body.on_hand)
        if level is None:
            detail = f"More than {body.on_hand} units are reserved for orders. See GET /operators/stock/{sku}."
            raise Problem(BELOW_RESERVED, detail, field="on_hand")
        return _view(sku, level)


def _view(sku: str, level: Level) -> StockView:
    return StockView(sku, level.available + level.reserved, level.reserved, level.available)
