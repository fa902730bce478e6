"""The routes of inventory."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.goods import Sku
from functions.inventory.stock import Level, Stock
from tidings.http.problems import Problem
from tidings.http.requests import Request
from tidings.http.routes import route


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

    @route("GET", "/stock/{sku}", StockView, operators=True, problems=(404, 422))
    def show(self, request: Request) -> StockView:
        """Show a product's stock."""
        sku = request.path_parameter("sku", Sku)
        level = self._stock.read(sku)
        if level is None:
            raise Problem(404, "No stock", f"The stock of {sku} was never set. PUT it first.", field="sku")
        return _view(sku, level)

    @route("PUT", "/stock/{sku}", StockView, body=StockRequest, operators=True, problems=(422,))
    def put(self, request: Request, body: StockRequest) -> StockView:
        """Set the units of a product that are on hand, after a count or a delivery."""
        sku = request.path_parameter("sku", Sku)
        level = self._stock.set_on_hand(sku, body.on_hand)
        if level is None:
            detail = f"More than {body.on_hand} units are reserved for orders. See GET /stock/{sku}."
            raise Problem(422, "Below what is reserved", detail, field="on_hand")
        return _view(sku, level)


def _view(sku: str, level: Level) -> StockView:
    return StockView(sku, level.available + level.reserved, level.reserved, level.available)
