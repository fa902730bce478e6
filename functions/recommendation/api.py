"""What anyone may ask of recommendation."""

from collections.abc import Callable

from msgspec import Struct

from functions.recommendation.partners import Partner, Partners
from tidings.pages import limit_of
from tidings.routes import Request, require_sku, route

MOST = 20
UNLESS_TOLD = 10


class Recommendations(Struct, frozen=True, omit_defaults=True):
    """What was bought together with a product, most often first.

    `rebuilding` says that this is being counted anew, and is not complete yet.
    """

    sku: str
    items: tuple[Partner, ...]
    rebuilding: bool = False


class Api:
    """The routes of recommendation."""

    def __init__(self, partners: Partners, is_rebuilding: Callable[[], bool]) -> None:
        self._partners = partners
        self._is_rebuilding = is_rebuilding

    @route(
        "GET",
        "/recommendations/{sku}",
        Recommendations,
        open=True,
        query={"limit": f"How many to show, 1 to {MOST}; {UNLESS_TOLD} unless told."},
        problems=(400, 422),
    )
    def show(self, request: Request) -> Recommendations:
        """Shows what is bought together with a product; nothing where nothing was yet."""
        sku = require_sku(request.path["sku"])
        return Recommendations(
            sku, self._partners.top(sku, limit_of(request, unless_told=UNLESS_TOLD, most=MOST)), self._is_rebuilding()
        )
