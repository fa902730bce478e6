"""The routes of recommendation."""

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.goods import Sku
from functions.recommendation.bought_together import BoughtTogether, BoughtTogetherIndex
from tidings.http.requests import Request
from tidings.http.routes import route

MAX_LIMIT = 20
DEFAULT_LIMIT = 10

Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_LIMIT,
        description=f"Maximum number of products: a whole number from 1 to {MAX_LIMIT}, {DEFAULT_LIMIT} by default",
    ),
]


class Recommendations(Struct, frozen=True, omit_defaults=True):
    """The products bought with a product, most often first.

    `rebuilding` means that they are being counted anew and are incomplete.
    """

    sku: str
    items: tuple[BoughtTogether, ...]
    rebuilding: bool = False


class Api:
    """The routes of recommendation."""

    def __init__(self, index: BoughtTogetherIndex, is_rebuilding: Callable[[], bool]) -> None:
        self._index = index
        self._is_rebuilding = is_rebuilding

    @route(
        "GET",
        "/recommendations/{sku}",
        Recommendations,
        open=True,
        path={"sku": Sku},
        query={"limit": Limit | None},
    )
    def show(self, request: Request) -> Recommendations:
        """Show the products that are bought with a product."""
        sku = request.path["sku"]
        items = self._index.top(sku, request.query.get("limit", DEFAULT_LIMIT))
        return Recommendations(sku, items, self._is_rebuilding())
