"""The routes of history."""

from contracts.values.goods import Sku
from contracts.values.order import OrderId
from functions.history.log import Log
from functions.history.timeline import ProductTimeline, Timeline, customer, product_timeline, timeline
from tidings.http.pagination import DEFAULT_LIMIT, PAGE_QUERY, PAGE_RULES
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

NO_SUCH_ORDER = Rule(
    404, "No such order", "The caller has no order with this id, or its first event is not recorded yet."
)
NO_EVENTS = Rule(404, "No events", "No event of an order with this id is recorded yet.")

RETRY_AFTER = {"Retry-After": "1"}


class Api:
    """The routes of history."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @route("GET", "/orders/{id}/timeline", Timeline, path={"id": OrderId}, rules=(NO_SUCH_ORDER,))
    def show(self, request: Request) -> Timeline:
        """Show all events of the caller's order, by all services, in causal sequence."""
        order = request.path["id"]
        events = list(self._log.events(order))
        if customer(events) != request.require_caller().id:
            # The same answer for another customer's order, an unknown order, and one whose events are not recorded yet.
            detail = "You have no order with this id. If you have just placed it, try again shortly."
            raise Problem(NO_SUCH_ORDER, detail, headers=RETRY_AFTER)
        return timeline(order, events, operator=False)

    @route("GET", "/operators/orders/{id}/timeline", Timeline, path={"id": OrderId}, rules=(NO_EVENTS,))
    def show_any(self, request: Request) -> Timeline:
        """Show all events of any customer's order, by all services, in causal sequence."""
        order = request.path["id"]
        events = list(self._log.events(order))
        if not events:
            detail = "No event of such an order is recorded. If it was placed just now, try again shortly."
            raise Problem(NO_EVENTS, detail, headers=RETRY_AFTER)
        return timeline(order, events, operator=True)

    @route(
        "GET",
        "/operators/products/{sku}/timeline",
        ProductTimeline,
        path={"sku": Sku},
        query=PAGE_QUERY,
        rules=PAGE_RULES,
    )
    def show_product(self, request: Request) -> ProductTimeline:
        """Show what operators changed of a product's name, price and stock, latest first.

        A product of which no change is recorded has an empty timeline.
        """
        limit, cursor = request.query.get("limit", DEFAULT_LIMIT), request.query.get("cursor")
        return product_timeline(self._log, request.path["sku"], limit, cursor)
