"""Release 1.1 of the example: a ticket may be urgent.

`TicketOpened` has a second major version. The state of an assignment has a new field, which this release only reads.
"""

from dataclasses import replace as with_changes
from typing import Annotated

from msgspec import Struct
from msgspec.structs import replace

from tests.releases import first
from tidings.core.contract import Contract, Upcaster
from tidings.core.decisions import Decision, Reject, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.formats import since
from tidings.core.service import Service, on


def from_first(older: first.TicketOpened) -> "TicketOpened":
    """Convert the first version, whose tickets are not urgent."""
    return TicketOpened(subject=older.title, urgent=False)


class TicketOpened(Contract, frozen=True, kw_only=True):
    """A customer opened a ticket."""

    producer = "desk"
    major = 2
    upcaster = Upcaster(first.TicketOpened, from_first)
    subject_pattern = first.SUBJECT

    subject: str
    urgent: bool


class TicketAssigned(Contract, frozen=True, kw_only=True):
    """An agent was assigned to a ticket."""

    producer = "assignment"
    subject_pattern = first.SUBJECT

    agent: str
    urgent: bool = False


class Assignment(Struct, frozen=True):
    """A ticket as assignment knows it."""

    title: str = ""
    agent: str = ""
    closed: bool = False
    urgent: Annotated[bool, since("1.1")] = False


def open_ticket(entity: Entity[first.Ticket], title: str) -> Decision[first.Ticket]:
    """Open an urgent ticket."""
    if entity.state:
        return Reject("opened", "It is open.")
    return Save(first.Ticket(title), (TicketOpened(subject=title, urgent=True),))


def on_ticket_opened(entity: Entity[Assignment], event: Event[TicketOpened]) -> Decision[Assignment]:
    """Assign an agent. Do not write yet whether the ticket is urgent."""
    state = replace(entity.state or Assignment(), title=event.data.subject, agent="Trillian")
    return Save(state, (TicketAssigned(agent=state.agent, urgent=state.urgent),))


def on_ticket_closed(entity: Entity[Assignment], _event: Event[first.TicketClosed]) -> Decision[Assignment]:
    """Note that nothing is left to do."""
    return Save(replace(entity.state or Assignment(), closed=True))


def on_ticket_assigned(entity: Entity[first.Ticket], event: Event[TicketAssigned]) -> Decision[first.Ticket]:
    """Note the ticket's agent."""
    return Save(replace(entity.state or first.Ticket(""), agent=event.data.agent))


desk = with_changes(
    first.desk, announces=(TicketOpened, first.TicketClosed), handlers=(on(TicketAssigned, on_ticket_assigned),)
)
assignment = Service(
    name="assignment",
    state=Assignment,
    announces=(TicketAssigned,),
    handlers=(on(TicketOpened, on_ticket_opened, creates=True), on(first.TicketClosed, on_ticket_closed)),
)
