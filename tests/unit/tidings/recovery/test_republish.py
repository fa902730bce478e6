"""Republishing from outboxes: an event that no relay would publish holds up no other."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.unit.tidings.recovery.memory import MemoryDestination, event
from tidings.core.entity import OutboxEvent
from tidings.recovery import Republisher, Sender


@dataclass(frozen=True)
class MemoryOutboxTable:
    """A service's table."""

    outbox: Sequence[str]

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        del key
        return [OutboxEvent(body) for body in self.outbox]

    def outboxes(self) -> Iterator[Sequence[OutboxEvent]]:
        for body in self.outbox:
            yield [OutboxEvent(body)]


def republisher(destination: MemoryDestination, since: str = "") -> Republisher:
    return Republisher(Sender(destination, "relay", ThreadPoolExecutor(1)), since)


UNTIMED = json.loads(event("a", 3))
del UNTIMED["time"]

BAD = {
    "not JSON": ("an event of tickets", "undecodable"),
    "": ("an event of tickets", "undecodable"),
    '{"x":' + "[" * 10_000: ("an event of tickets", "undecodable"),
    event("a", 3, time="yesterday"): ("tickets/a/3", "not-an-event"),
    "{}": ("an event of tickets", "not-an-event"),
    json.dumps(UNTIMED): ("an event of tickets", "not-an-event"),
    event("a", 3, source="payment"): ("payment/a/3", "wrong-source"),
    json.dumps(json.loads(event("a", 3)) | {"id": "payment/a/3"}): ("payment/a/3", "not-an-event"),
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[:20]} {BAD[bad][1]}")
@pytest.mark.parametrize("whole_table", [True, False], ids=["table", "entity"])
def test_an_event_that_no_relay_would_publish_is_reported_and_holds_up_no_other(bad: str, whole_table: bool) -> None:
    destination = MemoryDestination()
    good = [event("a", 1), event("a", 2)]
    table = MemoryOutboxTable([good[0], bad, good[1]])
    found = republisher(destination)
    published = (
        found.republish_table("tickets", table) if whole_table else found.republish_entity({"tickets": table}, "a")
    )
    assert destination.bodies() == good
    assert published == {"TicketClosed": 2}
    ((name, reason),) = found.refused
    assert (name, reason.partition(":")[0]) == BAD[bad]


def test_an_event_that_the_topic_will_never_accept_is_reported_and_not_counted() -> None:
    bad = event("a", 2)
    destination = MemoryDestination(unacceptable={bad})
    found = republisher(destination)
    table = MemoryOutboxTable([event("a", 1), bad, event("a", 3)])
    assert found.republish_entity({"tickets": table}, "a") == {"TicketClosed": 2}
    assert destination.bodies() == [event("a", 1), event("a", 3)]
    assert found.refused == [("tickets/a/2", "Invalid")]


def test_a_bad_event_before_the_chosen_time_is_not_reported() -> None:
    early = "2026-01-30T12:00:00.000Z"
    found = republisher(MemoryDestination(), "2026-01-31T00:00:00.000Z")
    table = MemoryOutboxTable([event("a", source="payment", time=early), event("a", 2)])
    assert found.republish_table("tickets", table) == {"TicketClosed": 1}
    assert found.refused == []


def test_each_services_events_are_compared_with_its_own_name() -> None:
    destination = MemoryDestination()
    tables = {
        "tickets": MemoryOutboxTable([event("a", 1)]),
        "billing": MemoryOutboxTable([event("a", 1, source="billing"), event("a", 2)]),
    }
    found = republisher(destination)
    assert found.republish_entity(tables, "a") == {"TicketClosed": 2}
    assert sorted(destination.bodies()) == sorted([event("a", 1), event("a", 1, source="billing")])
    assert found.refused == [("tickets/a/2", "wrong-source: its source is not billing")]
