"""The routes of inventory."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.goods import MAX_UNITS, Sku
from contracts.values.product import product_month
from functions.inventory.adjustments import Adjustments, StockReader, set_on_hand
from tidings.handling.executor import HandlerExecutor
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

NO_STOCK = Rule(404, "No stock", "The stock of this product was never set.")
BELOW_RESERVED = Rule(422, "Below what is reserved", "More units are reserved for orders than would be on hand.")


class StockRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The units of a product that are on hand, including reserved ones."""

    on_hand: Annotated[int, Meta(ge=0, le=MAX_UNITS)]


class StockView(Struct, frozen=True):
    """A product's stock. The units on hand are reserved for orders, or available to new ones."""

    sku: str
    on_hand: int
    reserved: int
    available: int


class Api:
    """The routes of inventory. The executor's port is the stock."""

    def __init__(self, adjustments: HandlerExecutor[Adjustments], stock: StockReader) -> None:
        self._adjustments = adjustments
        self._stock = stock

    @route("GET", "/operators/stock/{sku}", StockView, path={"sku": Sku}, rules=(NO_STOCK,))
    def show(self, request: Request) -> StockView:
        """Show a product's stock."""
        return self._view(request.path["sku"])

    @route("PUT", "/operators/stock/{sku}", StockView, path={"sku": Sku}, body=StockRequest, rules=(BELOW_RESERVED,))
    def put(self, request: Request, body: StockRequest) -> StockView:
        """Set the units of a product that are on hand, after a count or a delivery. A repeat changes nothing."""
        sku, now = request.path["sku"], self._adjustments.clock()
        execution = self._adjustments.entity(product_month(sku, now)).execute(
            lambda entity: set_on_hand(entity, sku, body.on_hand), request.metadata(now)
        )
        if execution.rejection:
            raise Problem(BELOW_RESERVED, execution.rejection.detail, field="on_hand")
        return self._view(sku)

    def _view(self, sku: str) -> StockView:
        level = self._stock.read(sku)
        if level is None:
            raise Problem(NO_STOCK, f"The stock of {sku} was never set. PUT it first.", field="sku")
        return StockView(sku, level.on_hand, level.reserved, level.available)
