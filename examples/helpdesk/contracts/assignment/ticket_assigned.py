"""The contract of `TicketAssigned`."""

from examples.helpdesk.contracts.desk.ticket_opened import Team
from examples.helpdesk.contracts.ticket import TicketEvent


class TicketAssigned(TicketEvent, frozen=True, kw_only=True):
    """A member of the team works on the ticket."""

    producer = "assignment"

    team: Team
