"""The audit: it finds each difference between outboxes and the log once, fills gaps, and continues after a break."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tests.unit.tidings.recovery.memory import CrashError, MemoryDestination, event
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import EventHead, OutboxEvent, StoredEntity
from tidings.core.event import decode
from tidings.core.personal import with_personal
from tidings.recovery import (
    Audit,
    AuditCheckpoint,
    AuditProgress,
    AuditRepair,
    AuditScope,
    Difference,
    EntityOutbox,
    LoggedEvent,
    OutboxPage,
    RateLimit,
    RecoveryError,
    Republisher,
    Sender,
    UnreadableEvent,
)
from tidings.testing import NOON, InlineExecutor, MemoryTable

UNTIL = "2026-02-01T00:00:00.000Z"
EVERYTHING = AuditScope("", UNTIL)
PERSONAL = '{"name":"Ann"}'


@dataclass
class MemoryOutboxes:
    """A table's outboxes, in pages of two items at most. `reads` counts the pages."""

    table: MemoryTable
    reads: int = 0

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        stored = self.table.entities.get(key)
        return [OutboxEvent(body) for body in stored.outbox] if stored else []

    def read_page(self, segment: int, segments: int, after: str, most: int) -> OutboxPage:
        self.reads += 1
        keys = sorted(self.table.entities)[segment::segments]
        page = [key for key in keys if key > after][: min(most, 2)]
        outboxes = [EntityOutbox(key, self.entity_outbox(key)) for key in page]
        return OutboxPage([each for each in outboxes if each.events], len(page), page[-1] if page else "")


@dataclass
class MemoryEventLog:
    """An event log. Its records have the positions `NOON/1`, `NOON/2` and so on, as they were recorded."""

    bodies: dict[str, str] = field(default_factory=dict)
    personal: bool = False

    def record(self, *bodies: str) -> None:
        for body in bodies:
            self.bodies.setdefault(head_of(body).id, body)

    def read(self, start: str, end: str) -> Iterator[LoggedEvent | UnreadableEvent]:
        for n, (name, body) in enumerate(self.bodies.items(), start=1):
            position = f"{to_rfc3339(from_rfc3339(NOON) + n)}/{name}"
            if start <= position < end:
                yield self._record(position, name, body)

    def read_entity(self, subject: str) -> Sequence[LoggedEvent | UnreadableEvent]:
        return [each for each in self.read("", "9") if each.position.split("/")[2] == subject]

    def beginning(self) -> str | None:
        return NOON if self.bodies else None

    def find(self, heads: Sequence[EventHead]) -> Mapping[str, str]:
        return {head.id: self.bodies[head.id] for head in heads if head.id in self.bodies}

    def _record(self, position: str, name: str, body: str) -> LoggedEvent | UnreadableEvent:
        if body == "by hand":
            return UnreadableEvent(position, name, "not-an-event")
        body = with_personal(body, PERSONAL) if self.personal else body
        return LoggedEvent(position, body, decode(body))


def head_of(body: str) -> EventHead:
    return msgspec.json.decode(body, type=EventHead)


class Shop:
    """Two services with their tables, the log, and the topic, which the log records from."""

    def __init__(self, entities: int = 6) -> None:
        self.tables = {"tickets": MemoryTable(), "billing": MemoryTable()}
        self.log = MemoryEventLog()
        self.topic = MemoryDestination(handle=lambda message: self.log.record(message.body))
        self.outboxes = {name: MemoryOutboxes(table) for name, table in self.tables.items()}
        for service in self.tables:
            for n in range(entities):
                self.announce(service, f"e{n}", *(event(f"e{n}", number, source=service) for number in (1, 2)))

    def announce(self, service: str, key: str, *bodies: str) -> None:
        self.put(service, key, *bodies)
        self.log.record(*bodies)

    def put(self, service: str, key: str, *bodies: str) -> None:
        self.tables[service].put(StoredEntity(key, 1, "{}", outbox=bodies))

    def audit(
        self,
        *,
        repair: bool = False,
        appends: bool = True,
        scope: AuditScope = EVERYTHING,
        checkpoint: AuditCheckpoint | None = None,
        limit: RateLimit | None = None,
        watch: Callable[[str, AuditProgress], None] = lambda _part, _progress: None,
    ) -> AuditProgress:
        sender = Sender(self.topic, "audit", InlineExecutor(), attempts=1)
        return Audit(
            outboxes=self.outboxes,
            log=self.log,
            scope=scope,
            threads=InlineExecutor(),
            repair=AuditRepair(Republisher(sender), self.tables, appends) if repair else None,
            checkpoint=checkpoint,
            limit=limit or RateLimit(),
            watch=watch,
        ).run()


def test_outboxes_and_a_log_with_the_same_events_do_not_differ() -> None:
    shop = Shop()
    shop.tables["tickets"].put(StoredEntity("silent", 1, "{}"))
    shop.log.personal = True
    found = shop.audit()
    assert (found.found, found.differences, found.remaining) == ({}, (), 0)
    assert (found.items, found.announced, found.recorded) == (13, 24, 24)


def test_an_empty_log_and_empty_tables_do_not_differ() -> None:
    assert Shop(entities=0).audit().found == {}


def test_each_event_that_the_log_lacks_is_found_and_published_again() -> None:
    shop = Shop()
    lost = ["tickets/e1/1", "tickets/e1/2", "billing/e4/2"]
    for name in lost:
        del shop.log.bodies[name]
    found = shop.audit()
    assert found.found == {"not-in-log": 3}
    assert {each.event for each in found.differences} == set(lost)
    assert shop.topic.arrived == []
    mended = shop.audit(repair=True)
    assert (mended.found, mended.repaired, mended.remaining) == ({"not-in-log": 3}, {"not-in-log": 3}, 0)
    assert sorted(message.head.id for message, _ in shop.topic.arrived) == sorted(lost)
    assert shop.audit().found == {}


def test_each_event_that_an_outbox_lacks_is_found_and_added_byte_for_byte() -> None:
    shop = Shop()
    before = {name: dict(table.entities) for name, table in shop.tables.items()}
    shop.put("tickets", "e1", event("e1", 1))
    shop.put("tickets", "e2", event("e2", 2))
    del shop.tables["billing"].entities["e3"]
    found = shop.audit()
    assert {each.event for each in found.differences} == {
        "tickets/e1/2",
        "tickets/e2/1",
        "billing/e3/1",
        "billing/e3/2",
    }
    assert {each.kind for each in found.differences} == {"not-in-outbox"}
    mended = shop.audit(repair=True)
    assert (mended.found, mended.repaired) == ({"not-in-outbox": 4}, {"not-in-outbox": 4})
    for name, entities in before.items():
        for key, entity in entities.items():
            assert shop.tables[name].entities[key].outbox == entity.outbox
    assert shop.audit().found == {}


def test_events_are_added_at_the_end_of_an_outbox_on_demand_only_because_a_recovery_would_not_recall_them() -> None:
    shop = Shop(entities=2)
    bodies = [event("a", n) for n in (1, 2, 3, 4)]
    shop.announce("tickets", "a", *bodies)
    shop.put("tickets", "a", bodies[0], bodies[2])
    shop.put("tickets", "e0")
    found = shop.audit(repair=True, appends=False)
    detail = "the state may lack it too; recover the service"
    assert sorted((each.event, each.repaired, each.detail) for each in found.differences) == [
        ("tickets/a/2", True, ""),
        ("tickets/a/4", False, detail),
        ("tickets/e0/1", False, detail),
        ("tickets/e0/2", False, detail),
    ]
    assert {each.kind for each in found.differences} == {"not-in-outbox"}
    assert found.remaining == 3
    assert shop.tables["tickets"].entities["a"].outbox == tuple(bodies[:3])
    assert shop.tables["tickets"].entities["e0"].outbox == ()
    assert shop.audit(repair=True).remaining == 0
    assert shop.tables["tickets"].entities["a"].outbox == tuple(bodies)


def test_events_that_are_not_added_are_found_once_although_they_are_in_several_pages_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidings.recovery.audit.PAGE_ITEMS", 1)
    shop = Shop(entities=1)
    shop.put("tickets", "e0")
    found = shop.audit(repair=True, appends=False)
    assert sorted(each.event for each in found.differences) == ["tickets/e0/1", "tickets/e0/2"]
    assert found.found == {"not-in-outbox": 2}


def test_an_outbox_is_completed_whatever_event_the_log_recorded_first() -> None:
    shop = Shop(entities=1)
    bodies = [event("a", n) for n in (3, 1, 2)]
    shop.log.record(*bodies)
    mended = shop.audit(repair=True)
    assert mended.repaired == {"not-in-outbox": 3}
    assert shop.tables["tickets"].entities["a"].outbox == (bodies[1], bodies[2], bodies[0])


def test_an_outbox_that_would_have_a_gap_is_reported_and_stays_as_it_is() -> None:
    shop = Shop(entities=1)
    shop.log.record(event("e0", 4))
    mended = shop.audit(repair=True)
    (difference,) = mended.differences
    detail = "neither the log nor the outbox has number 3 of e0"
    assert difference == Difference("not-in-outbox", "tickets", "tickets/e0/4", repaired=False, detail=detail)
    assert len(shop.tables["tickets"].entities["e0"].outbox) == 2
    assert mended.remaining == 1


def test_an_id_with_two_bodies_is_found_once_and_neither_is_changed() -> None:
    shop = Shop()
    other = event("e1", 2).replace("solved", "invalid")
    shop.put("tickets", "e1", event("e1", 1), other)
    for repair in (False, True):
        found = shop.audit(repair=repair)
        assert [(each.kind, each.event, each.repaired) for each in found.differences] == [
            ("conflicting-body", "tickets/e1/2", False)
        ]
        assert found.remaining == 1
    assert shop.log.bodies["tickets/e1/2"] == event("e1", 2)
    assert shop.tables["tickets"].entities["e1"].outbox[1] == other
    assert shop.topic.arrived == []


def test_the_same_body_in_another_notation_or_without_its_personal_data_is_no_difference() -> None:
    shop = Shop(entities=1)
    body = event("e0", 1)
    spaced = json.dumps(dict(reversed(json.loads(body).items())), indent=1)
    shop.put("tickets", "e0", with_personal(spaced, PERSONAL), event("e0", 2))
    assert shop.audit().found == {}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("by hand", "undecodable"),
        ("", "undecodable"),
        (event("e0", 1, source="billing"), "wrong-source"),
        (event("b", 1), "it is in the outbox of e0"),
    ],
)
def test_a_text_that_no_relay_would_publish_is_found_and_not_published(body: str, detail: str) -> None:
    shop = Shop(entities=1)
    shop.put("tickets", "e0", event("e0", 1), event("e0", 2), body)
    for repair in (False, True):
        (difference,) = shop.audit(repair=repair).differences
        assert (difference.kind, difference.service) == ("unreadable", "tickets")
        assert detail in difference.detail
    assert shop.topic.arrived == []


def test_a_record_of_the_log_that_holds_no_event_is_found() -> None:
    shop = Shop(entities=1)
    shop.log.bodies["tickets/x/1"] = "by hand"
    assert shop.audit(repair=True).differences == (Difference("unreadable", "", "tickets/x/1", detail="not-an-event"),)


def test_a_gap_behind_an_unreadable_text_is_not_filled() -> None:
    shop = Shop(entities=1)
    shop.put("tickets", "e0", event("e0", 1), "by hand")
    found = shop.audit(repair=True)
    assert found.found == {"unreadable": 1, "not-in-outbox": 1}
    assert found.repaired == {}


def test_recorded_events_of_a_producer_without_outboxes_are_counted_and_are_no_difference() -> None:
    shop = Shop(entities=1)
    shop.log.record(event("a", 1, source="retired"), event("a", 2, source="retired"))
    found = shop.audit(repair=True)
    assert (found.found, found.uncompared, found.recorded) == ({}, {"retired": 2}, 4)


def test_a_young_event_may_be_on_its_way_to_the_log() -> None:
    shop = Shop(entities=1)
    shop.put("tickets", "young", event("young", 1, time=UNTIL))
    assert shop.audit(repair=True).found == {}
    later = AuditScope("", to_rfc3339(from_rfc3339(UNTIL) + 1))
    assert shop.audit(scope=later).found == {"not-in-log": 1}


def test_only_events_from_a_time_on_are_compared() -> None:
    shop = Shop(entities=1)
    early = "2026-01-30T12:00:00.000Z"
    shop.put("tickets", "old", event("old", 1, time=early))
    found = shop.audit(scope=AuditScope("2026-01-31T00:00:00.000Z", UNTIL))
    assert (found.found, found.announced) == ({}, 4)
    assert shop.audit(scope=AuditScope(early, UNTIL)).found == {"not-in-log": 1}


def test_an_event_that_the_topic_will_never_accept_is_not_repaired() -> None:
    shop = Shop(entities=1)
    bad, good = shop.log.bodies.pop("tickets/e0/1"), shop.log.bodies.pop("billing/e0/1")
    shop.topic.unacceptable = {bad}
    found = shop.audit(repair=True)
    assert (found.found, found.repaired) == ({"not-in-log": 2}, {"not-in-log": 1})
    assert shop.topic.bodies() == [good]
    assert Difference("not-in-log", "tickets", "tickets/e0/1", detail="Invalid") in found.differences


def test_a_topic_that_takes_nothing_now_ends_the_audit_and_the_next_run_publishes_it(tmp_path: Path) -> None:
    shop = Shop()
    checkpoint = AuditCheckpoint(tmp_path / "audit.json")
    body = shop.log.bodies.pop("tickets/e5/2")
    shop.topic.refused = {body}
    with pytest.raises(RecoveryError, match="Busy"):
        shop.audit(repair=True, checkpoint=checkpoint)
    shop.topic.refused = set()
    assert shop.audit(repair=True, checkpoint=checkpoint).repaired == {"not-in-log": 1}
    assert shop.audit().found == {}


def damaged() -> Shop:
    shop = Shop(entities=9)
    for name in ("tickets/e1/2", "billing/e2/1", "billing/e7/1", "billing/e7/2"):
        del shop.log.bodies[name]
    shop.put("tickets", "e3", event("e3", 1))
    shop.put("tickets", "e4", event("e4", 1), event("e4", 2).replace("solved", "invalid"))
    del shop.tables["billing"].entities["e8"]
    return shop


@pytest.mark.parametrize("repair", [False, True])
def test_a_run_that_broke_off_anywhere_is_continued_and_finds_each_difference_once(
    tmp_path: Path, repair: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidings.recovery.audit.PAGE_ITEMS", 3)
    pages = 0

    def count(_part: str, _progress: AuditProgress) -> None:
        nonlocal pages
        pages += 1

    whole = damaged().audit(repair=repair, watch=count)
    assert whole.found == {"not-in-log": 4, "not-in-outbox": 3, "conflicting-body": 1}
    assert pages > 10
    for at in range(1, pages + 1):
        shop, checkpoint = damaged(), AuditCheckpoint(tmp_path / "audit.json")
        left = at

        def crash(_part: str, _progress: AuditProgress) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CrashError

        with pytest.raises(CrashError):
            shop.audit(repair=repair, checkpoint=checkpoint, watch=crash)
        again = shop.audit(repair=repair, checkpoint=checkpoint)
        assert sorted(again.differences, key=str) == sorted(whole.differences, key=str)
        assert (again.found, again.repaired) == (whole.found, whole.repaired)
        assert (again.items, again.announced) == (whole.items, whole.announced)
        assert list(tmp_path.iterdir()) == []


def test_a_run_that_continues_another_compares_the_same_period(tmp_path: Path) -> None:
    shop, checkpoint = Shop(), AuditCheckpoint(tmp_path / "audit.json")

    def crash(part: str, _progress: AuditProgress) -> None:
        if part == "billing":
            raise CrashError

    with pytest.raises(CrashError):
        shop.audit(checkpoint=checkpoint, watch=crash)
    again = shop.audit(scope=AuditScope(UNTIL, "9"), checkpoint=checkpoint)
    assert again.scope == EVERYTHING
    assert again.announced == 24


def test_the_first_differences_are_listed_and_all_are_counted_and_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.recovery.audit.MAX_LISTED", 3)
    shop = Shop()
    shop.log.bodies.clear()
    found = shop.audit(repair=True)
    assert (found.found, found.repaired, len(found.differences)) == ({"not-in-log": 24}, {"not-in-log": 24}, 3)
    assert shop.audit().found == {}


def test_a_rate_limits_the_items_that_are_read_of_all_tables_together() -> None:
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    shop = Shop()
    found = shop.audit(limit=RateLimit(10, lambda: now, pause))
    # Each entity, each event looked up in the log, each event read in the log, and each outbox looked up for it.
    read = found.items + found.announced + found.recorded + 12
    assert found.found == {}
    assert read / 10 - 2 <= now <= read / 10 + 1


def test_the_watcher_receives_each_part_and_a_growing_number_of_events() -> None:
    seen: list[tuple[str, int]] = []
    Shop().audit(watch=lambda part, progress: seen.append((part, progress.announced + progress.recorded)))
    assert list(dict.fromkeys(part for part, _ in seen)) == ["tickets", "billing", "log"]
    assert [number for _, number in seen] == sorted(number for _, number in seen)
    assert seen[-1][1] == 48
