"""The routes of history."""

from contracts.values.order import is_order_id
from functions.history.log import Log
from functions.history.timeline import Timeline, customer, timeline
from tidings.http.problems import Problem
from tidings.http.requests import Request
from tidings.http.routes import route


class Api:
    """The routes of history."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @route("GET", "/orders/{id}/timeline", Timeline, problems=(404,))
    def show(self, request: Request) -> Timeline:
        """Show all events of an order, by all services, in causal sequence."""
        caller = request.require_caller()
        order = request.path["id"]
        events = list(self._log.events(order)) if is_order_id(order) else []
        if not events or not (caller.operator or customer(events) == caller.id):
            # The same answer for another customer's order, an unknown order, and one whose events are not recorded yet.
            detail = "You have no order with this id. If you have just placed it, try again shortly."
            raise Problem(404, "No such order", detail, headers={"Retry-After": "1"})
        return timeline(order, events, operator=caller.operator)
