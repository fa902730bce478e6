"""The routes of live."""

from msgspec import Struct

from functions.live.tickets import Tickets
from functions.live.viewers import Role, Viewer
from tidings.core.clock import to_rfc3339
from tidings.http.requests import Request
from tidings.http.routes import route


class TicketView(Struct, frozen=True):
    """A ticket, which opens one WebSocket connection before it expires: `wss://…?ticket=…`."""

    ticket: str
    expires_at: str


class Api:
    """The routes of live."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    @route("POST", "/live/tickets", TicketView, status=201)
    def issue(self, request: Request) -> TicketView:
        """Issue a ticket for a connection that receives the events of the caller's own orders."""
        return self._issue("customer", request)

    @route("POST", "/operators/live/tickets", TicketView, status=201)
    def issue_operators(self, request: Request) -> TicketView:
        """Issue a ticket for a connection that receives all events."""
        return self._issue("operator", request)

    def _issue(self, role: Role, request: Request) -> TicketView:
        issued = self._tickets.issue(Viewer(role, request.require_caller().id))
        return TicketView(issued.ticket, to_rfc3339(issued.valid_until))
