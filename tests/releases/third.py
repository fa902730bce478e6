"""Release 1.2 of the example: assignment writes whether a ticket is urgent."""

from dataclasses import replace as with_changes

from msgspec.structs import replace

from tests.releases import first, second
from tests.releases.second import Assignment, TicketAssigned, TicketOpened, desk, on_ticket_closed, open_ticket
from tidings.core.decisions import Decision, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import on

__all__ = ["assignment", "desk", "open_ticket"]


def on_ticket_opened(entity: Entity[Assignment], event: Event[TicketOpened]) -> Decision[Assignment]:
    """Assign an agent."""
    opened = event.data
    state = replace(entity.state or Assignment(), title=opened.subject, agent="Zaphod", urgent=opened.urgent)
    return Save(state, (TicketAssigned(agent=state.agent, urgent=state.urgent),))


assignment = with_changes(
    second.assignment,
    handlers=(on(TicketOpened, on_ticket_opened, creates=True), on(first.TicketClosed, on_ticket_closed)),
)
