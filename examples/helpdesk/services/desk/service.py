"""Desk: takes tickets, and shows what became of them."""

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from examples.helpdesk.services.desk import handlers
from tidings import Service, on

service = Service(
    name="desk",
    state=handlers.Ticket,
    announces=(TicketOpened, TicketClosed),
    handlers=(
        on(TicketAssigned, handlers.on_ticket_assigned),
        on(TicketDeclined, handlers.on_ticket_declined),
    ),
    concurrency=5,
)
