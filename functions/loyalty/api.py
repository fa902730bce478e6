"""The routes of loyalty."""

from msgspec import Struct

from contracts.values.customer import CustomerId
from functions.loyalty.handlers import POINTS, PointsEntry, balance_key
from tidings.core.ports import NumberTable
from tidings.http.pagination import PAGE_QUERY, PAGE_RULES, Pages
from tidings.http.requests import Request
from tidings.http.routes import route


class LoyaltyView(Struct, frozen=True):
    """A customer's points, and a page of the orders that earned them, newest first."""

    balance: int
    items: tuple[PointsEntry, ...]
    next: str | None


class Api:
    """The routes of loyalty."""

    def __init__(self, table: NumberTable, pages: Pages) -> None:
        self._table = table
        self._pages = pages

    @route("GET", "/loyalty", LoyaltyView, query=PAGE_QUERY, rules=PAGE_RULES)
    def show(self, request: Request) -> LoyaltyView:
        """Show the caller's points, and the orders that earned them."""
        return self._view(request.require_caller().id, request)

    @route(
        "GET",
        "/operators/customers/{id}/loyalty",
        LoyaltyView,
        path={"id": CustomerId},
        query=PAGE_QUERY,
        rules=PAGE_RULES,
    )
    def show_any(self, request: Request) -> LoyaltyView:
        """Show a customer's points, and the orders that earned them: none for an unknown customer."""
        return self._view(request.path["id"], request)

    def _view(self, customer: str, request: Request) -> LoyaltyView:
        items, following = self._pages.read(customer, PointsEntry, request, newest_first=True)
        balance = self._table.numbers(balance_key(customer)).get(POINTS, 0)
        return LoyaltyView(balance, items, following)
