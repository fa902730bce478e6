"""The routes of the desk."""

from uuid import uuid4

from msgspec import Struct

from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from examples.helpdesk.contracts.ticket import TicketKey
from examples.helpdesk.services.desk import handlers
from examples.helpdesk.services.desk.handlers import Status, Ticket
from tidings import Entity
from tidings.handling.executor import HandlerExecutor, UnitOfWork
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

NO_SUCH_TICKET = Rule(404, "No such ticket", "No ticket has this id.")


class TicketView(Struct, frozen=True):
    """A ticket."""

    id: str
    status: Status
    question: str


class Api:
    """The routes of the desk. They are open: the example has no users."""

    def __init__(self, tickets: HandlerExecutor[Ticket]) -> None:
        self._tickets = tickets

    @route("POST", "/tickets", TicketView, status=202, body=TicketOpened, open=True)
    def open_ticket(self, request: Request, body: TicketOpened) -> TicketView:
        """Open a ticket."""
        unit = self._tickets.entity(f"T-{uuid4().hex[:12]}")
        metadata = request.metadata(self._tickets.clock())
        execution = unit.execute(lambda entity: handlers.open_ticket(entity, body), metadata, creates=True)
        return _view(execution.entity)

    @route("GET", "/tickets/{id}", TicketView, path={"id": TicketKey}, open=True, rules=(NO_SUCH_TICKET,))
    def show(self, request: Request) -> TicketView:
        """Show a ticket."""
        return _view(self._ticket(request).read())

    @route(
        "POST",
        "/tickets/{id}/closure",
        TicketView,
        status=202,
        path={"id": TicketKey},
        open=True,
        rules=(NO_SUCH_TICKET,),
    )
    def close(self, request: Request) -> TicketView:
        """Close a ticket."""
        execution = self._ticket(request).execute(handlers.close, request.metadata(self._tickets.clock()))
        return _view(execution.entity)

    def _ticket(self, request: Request) -> UnitOfWork[Ticket]:
        return self._tickets.entity(request.path["id"])


def _view(entity: Entity[Ticket]) -> TicketView:
    if entity.state is None:
        raise Problem(NO_SUCH_TICKET, "POST /tickets opens one.")
    return TicketView(entity.key, entity.state.status, entity.first_event(TicketOpened).data.question)
