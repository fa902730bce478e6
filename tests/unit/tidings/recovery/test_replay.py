"""The replay: an event that cannot be read or sent is reported, and holds up no other."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.tidings.recovery.memory import CrashError, CrashPoint, MemoryDestination, event
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.event import decode
from tidings.recovery import (
    Checkpoint,
    Gap,
    LoggedEvent,
    Replay,
    ReplayProgress,
    ReplaySelection,
    ReplayState,
    Sender,
    UnreadableEvent,
)
from tidings.testing import NOON, InlineExecutor

Record = LoggedEvent | UnreadableEvent
SELECTION = ReplaySelection(NOON, "2026-02-01T00:00:00.000Z")
runs = itertools.count()


@dataclass(frozen=True)
class MemoryEventLog:
    """An event log in memory."""

    records: Sequence[Record]

    def read(self, start: str, end: str) -> Iterator[Record]:
        return (record for record in self.records if start <= record.position < end)

    def read_entity(self, subject: str) -> list[Record]:
        return [record for record in self.records if f"/{subject}/" in record.position]

    def beginning(self) -> str | None:
        return NOON


def position(n: int, subject: str, number: int) -> str:
    return f"{to_rfc3339(from_rfc3339(NOON) + n)}/tickets/{subject}/{number}"


def log_of(*events: tuple[str, int], unreadable: Sequence[tuple[str, int]] = ()) -> MemoryEventLog:
    """Return a log of events, by subject and number, of which some cannot be read."""
    records: list[Record] = []
    for n, (subject, number) in enumerate(events):
        place = position(n, subject, number)
        if (subject, number) in unreadable:
            records.append(UnreadableEvent(place, f"tickets/{subject}/{number}", "not-an-event"))
        else:
            body = event(subject, number)
            records.append(LoggedEvent(place, body, decode(body)))
    return MemoryEventLog(records)


def replay(
    log: MemoryEventLog,
    destination: MemoryDestination,
    selection: ReplaySelection = SELECTION,
    checkpoint: Checkpoint | None = None,
) -> ReplayProgress:
    sender = Sender(destination, f"run-{next(runs)}", InlineExecutor(), pause=lambda _seconds: None)
    return Replay(log, selection, sender, checkpoint).run()


EVENTS = [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("b", 2)]


def test_the_state_counts_the_messages_that_were_accepted_and_knows_their_number_once_all_events_are_read() -> None:
    log = log_of(*((f"e{n}", 1) for n in range(25)))
    states: list[tuple[ReplayState, int]] = []
    destination = MemoryDestination(unacceptable={event("e3", 1)})
    sender = Sender(destination, "run", InlineExecutor(), pause=lambda _seconds: None)
    Replay(log, SELECTION, sender, watch=lambda state: states.append((state, len(destination.arrived)))).run()
    assert all(state.sent == arrived for state, arrived in states)
    assert [state.sent for state, _ in states if state.total is None] == [0] * 25
    assert [state.sent for state, _ in states if state.total == 25] == [9, 19, 24, 24]
    assert {state.recorded for state, _ in states[25:]} == {from_rfc3339(NOON) + 24}


def test_the_state_counts_the_messages_of_the_run_that_broke_off(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "progress.json")
    checkpoint.save(ReplayProgress(position(0, "a", 1), {"TicketClosed": 1}))
    states: list[ReplayState] = []
    sender = Sender(MemoryDestination(), "run", InlineExecutor(), pause=lambda _seconds: None)
    Replay(log_of(*EVENTS), SELECTION, sender, checkpoint, watch=states.append).run()
    assert (states[0].sent, states[-1].sent, states[-1].total) == (1, 5, 5)


def assert_sent_except(destination: MemoryDestination, bad: tuple[str, int]) -> None:
    """Assert that every other event arrived, each entity's in sequence."""
    for subject in "ab":
        wanted = [event(*each) for each in EVENTS if each != bad and each[0] == subject]
        assert [body for body in destination.bodies() if decode(body).subject == subject] == wanted


@pytest.mark.parametrize("bad", EVENTS)
def test_a_record_that_holds_no_event_is_reported_and_holds_up_no_other(bad: tuple[str, int]) -> None:
    destination = MemoryDestination()
    progress = replay(log_of(*EVENTS, unreadable=[bad]), destination)
    assert_sent_except(destination, bad)
    assert progress.failed == {"tickets/{}/{}".format(*bad): "not-an-event"}
    assert progress.sent == {"TicketClosed": 4}
    # It is recorded, so the log does not lack it.
    assert progress.gaps == ()


def test_an_event_that_the_log_lacks_is_a_gap_beside_one_that_cannot_be_read() -> None:
    progress = replay(log_of(("a", 1), ("a", 3), ("a", 4), unreadable=[("a", 3)]), MemoryDestination())
    assert progress.gaps == (Gap("a", "tickets", 2),)
    assert list(progress.failed) == ["tickets/a/3"]


def test_an_event_that_the_queue_will_never_accept_is_reported_and_holds_up_no_other() -> None:
    destination = MemoryDestination(unacceptable={event("a", 2)})
    progress = replay(log_of(*EVENTS), destination)
    assert_sent_except(destination, ("a", 2))
    assert progress.failed == {"tickets/a/2": "Invalid"}
    assert progress.sent == {"TicketClosed": 4}


def test_of_one_entitys_replay_only_its_own_bad_records_within_the_selected_time_are_reported() -> None:
    log = log_of(*EVENTS, unreadable=[("a", 1), ("a", 3), ("b", 1)])
    start = position(1, "a", 2)
    destination = MemoryDestination()
    progress = replay(log, destination, ReplaySelection(start, SELECTION.end, subject="a"))
    assert destination.bodies() == [event("a", 2)]
    assert list(progress.failed) == ["tickets/a/3"]


def test_a_bad_record_before_the_start_is_not_reported_though_its_entity_is_read_for_late_events() -> None:
    log = log_of(*EVENTS, unreadable=[("a", 1)])
    progress = replay(log, MemoryDestination(), ReplaySelection(position(1, "a", 2), SELECTION.end))
    assert progress.failed == {}


@pytest.mark.parametrize("after", [False, True])
def test_a_run_after_a_crash_still_reports_what_the_first_run_could_not_send(
    after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidings.recovery.replay.SEND_CHUNK", 1)
    log = log_of(*EVENTS, unreadable=[("b", 1)])
    for at in itertools.count(1):
        crash = CrashPoint(at, after)
        destination = MemoryDestination(crash, unacceptable={event("a", 2)})
        checkpoint = Checkpoint.of(tmp_path, "loyalty", at)
        try:
            progress = replay(log, destination, checkpoint=checkpoint)
        except CrashError:
            crash.at, crash.crashed = 0, False
            progress = replay(log, destination, checkpoint=checkpoint)
        assert progress.failed == {"tickets/b/1": "not-an-event", "tickets/a/2": "Invalid"}
        assert set(destination.bodies()) == {event(*each) for each in (("a", 1), ("a", 3), ("b", 2))}
        assert list(tmp_path.iterdir()) == []
        if crash.calls < at:
            break
    assert at > 3


def test_the_checkpoint_keeps_what_could_not_be_sent(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "progress.json")
    progress = ReplayProgress(NOON, {"TicketClosed": 1}, failed={"tickets/a/1": "not-an-event"})
    checkpoint.save(progress)
    assert json.loads(checkpoint.path.read_bytes())["failed"] == {"tickets/a/1": "not-an-event"}
    assert checkpoint.load() == progress
