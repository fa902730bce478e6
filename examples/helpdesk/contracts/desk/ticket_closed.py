"""The contract of `TicketClosed`."""

from examples.helpdesk.contracts.ticket import TicketEvent


class TicketClosed(TicketEvent, frozen=True, kw_only=True):
    """The ticket needs no more work."""

    producer = "desk"
