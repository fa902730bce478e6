"""The ticket as its customer sees it."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from tidings import Decision, Entity, Event, PermanentError, Reject, Save, Skip

Status = Literal["open", "assigned", "declined", "closed"]


class Ticket(Struct, frozen=True):
    """The state of a ticket. Its first event contains the question."""

    status: Status = "open"


def open_ticket(entity: Entity[Ticket], opened: TicketOpened) -> Decision[Ticket]:
    """Open the ticket. A repeat changes nothing."""
    return Skip() if entity.state else Save(Ticket(), announce=(opened,))


def close(entity: Entity[Ticket]) -> Decision[Ticket]:
    """Close the ticket. A repeat changes nothing; a ticket that was never opened is refused."""
    if entity.state is None:
        return Reject("unknown", "No ticket has this key.")
    if entity.state.status == "closed":
        return Skip()
    return Save(replace(entity.state, status="closed"), announce=(TicketClosed(),))


def on_ticket_assigned(entity: Entity[Ticket], _event: Event[TicketAssigned]) -> Decision[Ticket]:
    """Show that somebody works on the ticket, unless it is closed."""
    return _answered(entity, "assigned")


def on_ticket_declined(entity: Entity[Ticket], _event: Event[TicketDeclined]) -> Decision[Ticket]:
    """Show that nobody is free, unless the ticket is closed."""
    return _answered(entity, "declined")


def _answered(entity: Entity[Ticket], status: Status) -> Decision[Ticket]:
    if entity.state is None:
        raise PermanentError("unknown-ticket", f"no ticket {entity.key} was ever opened")
    return Save(Ticket(status)) if entity.state.status == "open" else Skip()
