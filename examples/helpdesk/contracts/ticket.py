"""Tickets: the subject of the helpdesk's events."""

from typing import Annotated

from msgspec import Meta

from tidings import Contract

TICKET_KEY = r"T-[0-9a-f]{12}"

TicketKey = Annotated[
    str, Meta(pattern=rf"^{TICKET_KEY}\Z", description="A ticket's key is `T-` and 12 hexadecimal digits")
]


class TicketEvent(Contract, frozen=True, kw_only=True):
    """The contract of an event about a ticket."""

    subject_pattern = TICKET_KEY
