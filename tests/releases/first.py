"""Release 1.0 of the example. `recorded/` contains its record."""

from msgspec import Struct
from msgspec.structs import replace

from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Reject, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import Service, on

SUBJECT = "ticket(-[0-9]+)?"


class TicketOpened(Contract, frozen=True, kw_only=True):
    """A customer opened a ticket."""

    producer = "desk"
    subject_pattern = SUBJECT

    title: str


class TicketClosed(Contract, frozen=True, kw_only=True):
    """A ticket was closed."""

    producer = "desk"
    subject_pattern = SUBJECT


class TicketAssigned(Contract, frozen=True, kw_only=True):
    """An agent was assigned to a ticket."""

    producer = "assignment"
    subject_pattern = SUBJECT

    agent: str


class Ticket(Struct, frozen=True):
    """A ticket as the desk knows it."""

    title: str
    agent: str = ""
    closed: bool = False


class Assignment(Struct, frozen=True):
    """A ticket as assignment knows it."""

    title: str = ""
    agent: str = ""
    closed: bool = False


def open_ticket(entity: Entity[Ticket], title: str) -> Decision[Ticket]:
    """Open a ticket."""
    return Reject("opened", "It is open.") if entity.state else Save(Ticket(title), (TicketOpened(title=title),))


def close_ticket(entity: Entity[Ticket]) -> Decision[Ticket]:
    """Close a ticket."""
    if entity.state is None or entity.state.closed:
        return Reject("closed", "It is not open.")
    return Save(replace(entity.state, closed=True), (TicketClosed(),))


def on_ticket_assigned(entity: Entity[Ticket], event: Event[TicketAssigned]) -> Decision[Ticket]:
    """Note the ticket's agent."""
    return Save(replace(entity.state or Ticket(""), agent=event.data.agent))


def on_ticket_opened(entity: Entity[Assignment], event: Event[TicketOpened]) -> Decision[Assignment]:
    """Assign an agent."""
    state = replace(entity.state or Assignment(), title=event.data.title, agent="Marvin")
    return Save(state, (TicketAssigned(agent=state.agent),))


def on_ticket_closed(entity: Entity[Assignment], _event: Event[TicketClosed]) -> Decision[Assignment]:
    """Note that nothing is left to do."""
    return Save(replace(entity.state or Assignment(), closed=True))


desk = Service(
    name="desk",
    state=Ticket,
    announces=(TicketOpened, TicketClosed),
    handlers=(on(TicketAssigned, on_ticket_assigned),),
    queue="fifo",
)
assignment = Service(
    name="assignment",
    state=Assignment,
    announces=(TicketAssigned,),
    handlers=(on(TicketOpened, on_ticket_opened, creates=True), on(TicketClosed, on_ticket_closed)),
)
