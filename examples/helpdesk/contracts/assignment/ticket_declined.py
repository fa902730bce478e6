"""The contract of `TicketDeclined`."""

from examples.helpdesk.contracts.ticket import TicketEvent


class TicketDeclined(TicketEvent, frozen=True, kw_only=True):
    """No member of the team is free."""

    producer = "assignment"
