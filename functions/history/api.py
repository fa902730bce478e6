"""What customers and operators ask of history."""

from functions.history.log import Log
from functions.history.timeline import Timeline, customer, timeline
from tidings.routes import Problem, Request, is_order_id, route


class Api:
    """The routes of history."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @route("GET", "/orders/{id}/timeline", Timeline, problems=(404,))
    def show(self, request: Request) -> Timeline:
        """Shows what happened to an order, by all services, in causal order."""
        caller = request.require_caller()
        order = request.path["id"]
        events = list(self._log.events(order)) if is_order_id(order) else []
        if not events or not (caller.operator or customer(events) == caller.id):
            # The same for an order that is another's, one that never was, and one that is only on its way here.
            detail = "History knows of no order of yours under this id. If it was placed just now, ask again shortly."
            raise Problem(404, "No such order", detail, headers={"Retry-After": "1"})
        return timeline(order, events, operator=caller.operator)
