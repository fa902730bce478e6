"""The contribution of a ticket to its team's workload."""

from msgspec import Struct

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from tidings import Contribution, CounterKey, Decision, Entity, Event, Save

WORKLOAD = "workload"


class Work(Struct, frozen=True):
    """A ticket's team, once it is assigned, and whether the ticket is closed."""

    team: str = ""
    closed: bool = False


def on_ticket_assigned(entity: Entity[Work], event: Event[TicketAssigned]) -> Decision[Work]:
    """Store the ticket's team."""
    return Save(Work(event.data.team, closed=bool(entity.state and entity.state.closed)))


def on_ticket_closed(entity: Entity[Work], _event: Event[TicketClosed]) -> Decision[Work]:
    """Store that the ticket is closed."""
    return Save(Work(entity.state.team if entity.state else "", closed=True))


def contribution(work: Work) -> Contribution:
    """Count the ticket for its team, as open or as closed."""
    return {CounterKey(WORKLOAD, work.team, "closed" if work.closed else "open"): 1} if work.team else {}
