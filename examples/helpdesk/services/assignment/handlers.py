"""The assignment of tickets: a team takes as many at a time as it has members."""

from typing import Literal

from msgspec import Struct

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from tidings import ConditionFailed, Decision, Entity, Event, Increment, Save, Skip, reserved_key

Status = Literal["assigned", "declined", "closed"]


class Assignment(Struct, frozen=True):
    """The state of a ticket's assignment. A closed one without a team is a tombstone: it was closed first."""

    status: Status
    team: str = ""


def on_ticket_opened(entity: Entity[Assignment], event: Event[TicketOpened]) -> Decision[Assignment]:
    """Assign the ticket if a member of the team is free; else decline it."""
    if entity.state:
        return Skip()
    team = event.data.team
    take = Increment(free_members(team), add={"free": -1}, at_least={"free": 1})
    return Save(Assignment("assigned", team), (TicketAssigned(team=team),), (take,), otherwise=_decline)


def _decline(entity: Entity[Assignment], _failed: ConditionFailed) -> Decision[Assignment]:
    return Skip() if entity.state else Save(Assignment("declined"), (TicketDeclined(),))


def on_ticket_closed(entity: Entity[Assignment], _event: Event[TicketClosed]) -> Decision[Assignment]:
    """Free the member who worked on the ticket."""
    assignment = entity.state
    if assignment and assignment.status == "assigned":
        release = Increment(free_members(assignment.team), add={"free": 1})
        return Save(Assignment("closed", assignment.team), increments=(release,))
    return Save(Assignment("closed"))


def free_members(team: str) -> str:
    """Return the key of the item that counts a team's free members."""
    return reserved_key("free", team)
