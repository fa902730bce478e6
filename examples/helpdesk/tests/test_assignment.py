"""The assignment of tickets to the free members of a team."""

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.assignment.ticket_declined import TicketDeclined
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.contracts.desk.ticket_opened import TicketOpened
from examples.helpdesk.services.assignment.handlers import Assignment, free_members
from examples.helpdesk.services.assignment.service import service
from tidings.testing import given, make_event

KEY = "T-0123456789ab"
FREE = free_members("network")
OPENED = make_event(TicketOpened(team="network", question="Why is it slow?"), source="desk", subject=KEY)
CLOSED = make_event(TicketClosed(), source="desk", subject=KEY, number=2)


def test_a_ticket_takes_a_free_member() -> None:
    given(service, numbers={FREE: {"free": 2}}).when(OPENED).then(
        state=Assignment("assigned", "network"), announced=[TicketAssigned(team="network")], numbers={FREE: {"free": 1}}
    )


def test_a_ticket_is_declined_when_no_member_is_free() -> None:
    given(service, numbers={FREE: {"free": 0}}).when(OPENED).then(
        state=Assignment("declined"), announced=[TicketDeclined()], numbers={FREE: {"free": 0}}
    )


def test_a_closed_ticket_frees_its_member_once() -> None:
    given(service, OPENED, CLOSED, numbers={FREE: {"free": 1}}).when(CLOSED).then(numbers={FREE: {"free": 1}})


def test_a_ticket_that_was_closed_first_takes_no_member() -> None:
    given(service, CLOSED, numbers={FREE: {"free": 1}}).when(OPENED).then(announced=[], numbers={FREE: {"free": 1}})
