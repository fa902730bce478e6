"""What customers ask of their points."""

from msgspec import Struct

from functions.loyalty.reactions import POINTS, LedgerEntry, balance_key
from tidings.pages import PAGE_QUERY, Pages
from tidings.routes import Request, route
from tidings.table import Table


class LoyaltyView(Struct, frozen=True):
    """A customer's points, and a page of the orders that earned them, newest first."""

    balance: int
    items: tuple[LedgerEntry, ...]
    next: str | None


class Api:
    """The routes of loyalty."""

    def __init__(self, table: Table, pages: Pages) -> None:
        self._table = table
        self._pages = pages

    @route("GET", "/loyalty", LoyaltyView, query=PAGE_QUERY, problems=(400,))
    def show(self, request: Request) -> LoyaltyView:
        """Shows the caller's points, and the orders that earned them."""
        customer = request.require_caller().id
        items, following = self._pages.read(customer, LedgerEntry, request, newest_first=True)
        balance = self._table.get(balance_key(customer))
        return LoyaltyView(int(balance[POINTS]["N"]) if balance else 0, items, following)
