"""The workload of a team: its open and closed tickets."""

from itertools import permutations

import pytest

from examples.helpdesk.contracts.assignment.ticket_assigned import TicketAssigned
from examples.helpdesk.contracts.desk.ticket_closed import TicketClosed
from examples.helpdesk.services.workload.handlers import WORKLOAD
from examples.helpdesk.services.workload.service import service
from tidings import CounterKey, Event
from tidings.testing import given, make_event

FIRST, SECOND = "T-0123456789ab", "T-ba9876543210"
EVENTS: list[Event[TicketAssigned] | Event[TicketClosed]] = [
    make_event(TicketAssigned(team="network"), source="assignment", subject=FIRST),
    make_event(TicketAssigned(team="network"), source="assignment", subject=SECOND),
    make_event(TicketClosed(), source="desk", subject=FIRST, number=2),
]


@pytest.mark.parametrize("events", list(permutations(EVENTS)))
def test_open_and_closed_tickets_are_counted_in_whatever_order_the_events_come(
    events: tuple[Event[TicketAssigned] | Event[TicketClosed], ...],
) -> None:
    expected = {CounterKey(WORKLOAD, "network", "open"): 1, CounterKey(WORKLOAD, "network", "closed"): 1}
    given(service).when_batch(*events, *events).then(counters=expected)
