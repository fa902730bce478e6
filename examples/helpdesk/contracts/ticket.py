"""Tickets: the subject of the helpdesk's events."""

from tidings import Contract


class TicketEvent(Contract, frozen=True, kw_only=True):
    """The contract of an event about a ticket, whose key is `T-` and 12 hexadecimal digits."""

    subject_pattern = r"T-[0-9a-f]{12}"
