"""Workload: counts each team's open and closed tickets."""

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.services.workload import handlers
from tidings import Projection, Service, on

service = Service(
    name="workload",
    state=handlers.Work,
    handlers=(
        on(TicketAssigned, handlers.on_ticket_assigned),
        on(TicketClosed, handlers.on_ticket_closed),
    ),
    strategy=Projection(contribution=handlers.contribution),
    concurrency=5,
    rebuildable=True,
)
