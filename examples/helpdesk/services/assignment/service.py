"""Assignment: gives each ticket to a free member of its team."""

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from examples.helpdesk.services.assignment import handlers
from tidings import Service, on

service = Service(
    name="assignment",
    state=handlers.Assignment,
    announces=(TicketAssigned, TicketDeclined),
    handlers=(
        on(TicketOpened, handlers.on_ticket_opened, creates=True),
        on(TicketClosed, handlers.on_ticket_closed),
    ),
    concurrency=5,
)
