"""The desk's decisions."""

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from examples.helpdesk.services.desk.handlers import Ticket, close, open_ticket
from examples.helpdesk.services.desk.service import service
from tidings.testing import Execute, given, make_event

KEY = "T-0123456789ab"
OPENED = TicketOpened(team="network", question="Why is it slow?")
OPEN: Execute[Ticket] = Execute(KEY, lambda entity: open_ticket(entity, OPENED), creates=True)
CLOSE: Execute[Ticket] = Execute(KEY, close)
ASSIGNED = make_event(TicketAssigned(team="network"), source="assignment", subject=KEY)
DECLINED = make_event(TicketDeclined(), source="assignment", subject=KEY)


def test_a_ticket_is_opened_once() -> None:
    given(service, OPEN).when(OPEN).then(state=Ticket("open"), announced=[], writes=0)


def test_an_assigned_ticket_is_shown_as_assigned_however_often_the_event_comes() -> None:
    given(service, OPEN, ASSIGNED).when(ASSIGNED).then(state=Ticket("assigned"), writes=0)


def test_a_declined_ticket_is_shown_as_declined() -> None:
    given(service, OPEN).when(DECLINED).then(state=Ticket("declined"), announced=[])


def test_a_closed_ticket_stays_closed_when_its_assignment_comes_late() -> None:
    given(service, OPEN, CLOSE).when(ASSIGNED).then(state=Ticket("closed"))


def test_closing_announces_it_once() -> None:
    given(service, OPEN).when(CLOSE, CLOSE).then(state=Ticket("closed"), announced=[TicketClosed()])


def test_a_ticket_that_was_never_opened_cannot_be_closed() -> None:
    given(service).when(CLOSE).then_rejected("unknown")
