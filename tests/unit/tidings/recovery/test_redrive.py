import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.unit.tidings.recovery.memory import (
    BATCH,
    CrashError,
    CrashPoint,
    MemoryDeadLetterQueue,
    MemoryDestination,
    event,
)
from tidings.core.event import decode
from tidings.recovery import (
    DeadLetterDetails,
    DeadLetterFilter,
    DeadLetterMessage,
    DeadLetters,
    OutgoingMessage,
    Patience,
    RecoveryError,
    Sender,
    Unseen,
)
from tidings.testing import InlineExecutor

Selects = Callable[[DeadLetterDetails], bool]
runs = itertools.count()


def sender(destination: MemoryDestination) -> Sender:
    return Sender(destination, f"run-{next(runs)}", InlineExecutor(), pause=lambda _seconds: None)


def redrive(queue: MemoryDeadLetterQueue, destination: MemoryDestination) -> None:
    DeadLetters(queue, "dlq").redrive(sender(destination).send)


def selecting(*, subject: str | None = None, reason: str | None = None) -> Selects:
    return DeadLetterFilter(subject=subject, reason=reason).selects


def events(entities: int, each: int = 1) -> list[str]:
    return [event(f"entity-{entity}", n) for entity in range(entities) for n in range(1, each + 1)]


def queue_of(bodies: Sequence[str], crash: CrashPoint | None = None, *, fifo: bool = True) -> MemoryDeadLetterQueue:
    queue = MemoryDeadLetterQueue(crash or CrashPoint())
    for body in bodies:
        queue.add(body, subject_of(body) if fifo else None, reason="gave-up")
    return queue


def subject_of(body: str) -> str:
    return body.partition('"subject":"')[2].partition('"')[0] or "group"


@pytest.mark.parametrize("fifo", [True, False])
def test_a_redrive_sends_and_deletes_every_message(fifo: bool) -> None:
    bodies = events(25, 3)
    queue, destination = queue_of(bodies, fifo=fifo), MemoryDestination()
    result = DeadLetters(queue, "dlq").redrive(sender(destination).send)
    assert sorted(destination.bodies()) == sorted(bodies)
    assert queue.stored == []
    assert (result.sent, result.repeated) == ({"gave-up": 75}, {})


def test_the_messages_of_a_large_group_stay_in_sequence() -> None:
    bodies = [event("a", n) for n in range(1, 26)] + [event("b", n) for n in range(1, 26)]
    random.Random(1).shuffle(bodies)  # noqa: S311 - not for secrecy
    queue, destination = queue_of(bodies), MemoryDestination()
    redrive(queue, destination)
    for subject in "ab":
        assert [body for body in destination.bodies() if subject_of(body) == subject] == [
            body for body in bodies if subject_of(body) == subject
        ]


def test_each_run_sends_a_message_under_a_new_deduplication_id() -> None:
    bodies = events(12)
    seen: set[str] = set()
    for _ in range(3):
        queue, destination = queue_of(bodies), MemoryDestination(seen=seen)
        redrive(queue, destination)
        assert len(destination.arrived) == 12
    assert len(seen) == 36


def test_unselected_messages_stay_and_are_released_at_once() -> None:
    bodies = events(30, 2)
    queue, destination = queue_of(bodies), MemoryDestination()
    DeadLetters(queue, "dlq").redrive(sender(destination).send, selecting(subject="entity-17"))
    assert destination.bodies() == [event("entity-17", 1), event("entity-17", 2)]
    assert queue.bodies() == [body for body in bodies if subject_of(body) != "entity-17"]
    assert queue.hidden == set()


def test_a_selected_message_is_found_behind_unselected_ones_of_its_group() -> None:
    queue, destination = MemoryDeadLetterQueue(), MemoryDestination()
    for entity in range(15):
        queue.add(event(f"entity-{entity}", 1), f"entity-{entity}", reason="gave-up")
    for entity in range(15):
        queue.add(event(f"entity-{entity}", 2), f"entity-{entity}", reason="breaks-contract")
    DeadLetters(queue, "dlq").redrive(sender(destination).send, selecting(reason="breaks-contract"))
    assert sorted(destination.bodies()) == sorted(event(f"entity-{entity}", 2) for entity in range(15))
    assert len(queue.stored) == 15
    assert queue.hidden == set()


def test_a_message_without_an_event_returns_to_its_group_under_its_own_id() -> None:
    queue, destination = MemoryDeadLetterQueue(), MemoryDestination()
    queue.add("no event", "some-group", reason="undecodable")
    redrive(queue, destination)
    ((message, deduplication_id),) = destination.arrived
    assert (message.body, message.head.subject, message.head.type) == ("no event", "some-group", "")
    assert deduplication_id.startswith("message-0#")


@pytest.mark.parametrize("body", ["no event", event("a")])
def test_a_message_that_fails_again_at_once_is_sent_only_once(body: str) -> None:
    queue = queue_of([body, *events(12)])

    def handle(message: OutgoingMessage) -> None:
        if message.body == body:
            queue.add(message.body, message.head.subject, reason="breaks-contract")

    destination = MemoryDestination(handle=handle)
    result = DeadLetters(queue, "dlq").redrive(sender(destination).send)
    assert destination.bodies().count(body) == 1
    assert queue.bodies() == [body]
    assert queue.hidden == set()
    assert (result.sent, result.repeated) == ({"gave-up": 13}, {"breaks-contract": 1})


def test_a_refused_message_ends_the_redrive_and_keeps_every_unsent_message() -> None:
    bodies = events(12)
    queue, destination = queue_of(bodies), MemoryDestination(refused={bodies[11]})
    with pytest.raises(RecoveryError, match="1 message was refused 6 times"):
        redrive(queue, destination)
    assert set(queue.bodies()) == {bodies[10], bodies[11]}
    assert queue.hidden == set()
    destination.refused.clear()
    redrive(queue, destination)
    assert set(destination.bodies()) == set(bodies)
    assert queue.stored == []


@pytest.mark.parametrize("fifo", [True, False])
def test_a_message_that_the_queue_will_never_accept_stays_and_holds_up_no_other(fifo: bool) -> None:
    bad = event("entity-3", 1)
    bodies = [*events(12), "no event", *(event(f"entity-{entity}", 2) for entity in range(12))]
    queue = queue_of(bodies, fifo=fifo)
    destination = MemoryDestination(unacceptable={bad, "no event"})
    result = DeadLetters(queue, "dlq").redrive(sender(destination).send)
    assert queue.bodies() == [bad, "no event"]
    assert queue.hidden == set()
    assert sorted(destination.bodies()) == sorted(set(bodies) - {bad, "no event"})
    assert result.refused == {"tickets/entity-3/1": "Invalid", "message-12": "Invalid"}
    assert (result.sent, result.repeated) == ({"gave-up": 23}, {})


def test_a_message_that_was_sent_but_not_deleted_is_sent_again_by_the_next_run() -> None:
    queue, destination = queue_of(events(3)), MemoryDestination()
    queue.undeletable = {"message-1"}
    with pytest.raises(RecoveryError, match="could not be deleted"):
        redrive(queue, destination)
    assert queue.bodies() == [event("entity-1")]
    queue.undeletable = set()
    redrive(queue, destination)
    assert destination.bodies().count(event("entity-1")) == 2
    assert queue.stored == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fifo", [True, False])
def test_a_crash_at_any_call_loses_nothing_and_the_next_run_completes_the_redrive(after: bool, fifo: bool) -> None:
    bodies = events(7, 2)
    for at in itertools.count(1):
        crash = CrashPoint(at, after)
        queue, destination = queue_of(bodies, crash, fifo=fifo), MemoryDestination(crash)
        try:
            redrive(queue, destination)
        except CrashError:
            assert set(queue.bodies()) | set(destination.bodies()) == set(bodies)
        completed = crash.calls < at
        queue.end_visibility_timeout()
        crash.at, crash.crashed = 0, False
        redrive(queue, destination)
        assert queue.stored == []
        assert set(destination.bodies()) == set(bodies)
        assert max(map(destination.bodies().count, bodies)) <= 2
        if fifo:
            assert_in_sequence(destination.bodies())
        if completed:
            break
    assert at > 10


def assert_in_sequence(arrived: Sequence[str]) -> None:
    """Assert that an entity's first event arrived before its second."""
    for n, body in enumerate(arrived):
        if decode(body).number == 2:
            assert event(subject_of(body), 1) in arrived[:n]


def test_find_returns_every_message_in_its_groups_sequence_and_changes_nothing() -> None:
    bodies = [event(f"entity-{entity}", n) for n in (1, 2, 3) for entity in range(14)]
    queue = queue_of(bodies)
    found = [message.body for message, _ in DeadLetters(queue, "dlq").find().letters]
    assert sorted(found) == sorted(bodies)
    for entity in range(14):
        group = [body for body in found if subject_of(body) == f"entity-{entity}"]
        assert group == [event(f"entity-{entity}", n) for n in (1, 2, 3)]
    assert queue.bodies() == bodies
    assert queue.hidden == set()


@pytest.mark.parametrize(("limit", "calls"), [(20, 2), (15, 2), (1, 1)])
def test_find_stops_at_a_limit(limit: int, calls: int) -> None:
    queue = queue_of(events(50))
    assert len(DeadLetters(queue, "dlq").find(limit=limit).letters) == limit
    assert queue.receives == calls
    assert queue.hidden == set()


def test_find_returns_the_first_ten_messages_of_a_larger_group() -> None:
    queue = queue_of([event("a", n) for n in range(1, 15)])
    assert len(DeadLetters(queue, "dlq").find().letters) == BATCH


def test_find_returns_messages_once_and_ends_though_they_become_visible_again() -> None:
    queue = queue_of(events(25), fifo=False)
    receive = queue.receive

    def receive_after_timeout() -> Sequence[DeadLetterMessage]:
        queue.end_visibility_timeout()
        queue.stored = [*queue.stored[10:], *queue.stored[:10]]
        return receive()

    queue.receive = receive_after_timeout  # type: ignore[method-assign]  # a queue whose timeout is always over
    found = [message.id for message, _ in DeadLetters(queue, "dlq").find().letters]
    assert sorted(found) == sorted(message.id for message in queue.stored)


@pytest.mark.parametrize("fifo", [True, False])
def test_two_readers_that_hide_messages_from_each_other_both_find_all(fifo: bool) -> None:
    queue = queue_of(events(25), fifo=fifo)
    other: list[DeadLetterMessage] = list(queue.receive())

    def other_ends(_seconds: float) -> None:
        # The other one waits too, and receives what this one has released.
        queue.release(other)
        other.clear()
        while batch := queue.receive():
            other.extend(batch)
        assert len(other) == 25
        queue.release(other)

    found = DeadLetters(queue, "dlq", Patience(pause=other_ends)).find()
    assert sorted(message.body for message, _ in found.letters) == sorted(events(25))
    assert found.unseen == Unseen(0, 0)


@pytest.mark.parametrize("fifo", [True, False])
def test_what_another_reader_holds_for_too_long_is_reported_and_stays(fifo: bool) -> None:
    queue, destination = queue_of(events(25), fifo=fifo), MemoryDestination()
    held = {message.id for message in queue.receive()}
    times = iter(range(100))
    patience = Patience(3, lambda: next(times), lambda _seconds: None)
    letters = DeadLetters(queue, "dlq", patience)
    assert letters.find().unseen == Unseen(10, 10)
    result = letters.redrive(sender(destination).send)
    assert (result.sent, result.unseen) == ({"gave-up": 15}, Unseen(10, 10))
    assert letters.drop(lambda _messages: None).unseen == Unseen(10, 10)
    assert {message.id for message in queue.stored} == queue.hidden == held


def test_no_reader_waits_for_messages_behind_ten_others_of_their_group() -> None:
    queue = queue_of([event("a", n) for n in range(1, 15)])

    def pause(_seconds: float) -> None:
        pytest.fail("no other reader holds messages")

    assert DeadLetters(queue, "dlq", Patience(pause=pause)).find().unseen == Unseen(4, 0)


def test_messages_of_a_group_that_another_reader_holds_one_of_stay_in_sequence() -> None:
    queue, destination = queue_of([event("a", n) for n in (1, 2, 3)]), MemoryDestination()
    first = queue.stored[0].id
    queue.hidden.add(first)
    letters = DeadLetters(queue, "dlq", Patience(pause=lambda _seconds: queue.end_visibility_timeout()))
    letters.redrive(sender(destination).send)
    assert destination.bodies() == [event("a", n) for n in (1, 2, 3)]


def test_a_dropped_message_was_recorded_before() -> None:
    queue, recorded = queue_of(events(25)), list[DeadLetterMessage]()

    def record(messages: Sequence[DeadLetterMessage]) -> None:
        assert {message.id for message in messages} <= {message.id for message in queue.stored}
        recorded.extend(messages)

    dropped = DeadLetters(queue, "dlq").drop(record, selecting(subject="entity-3"))
    assert [message.body for message in recorded] == [event("entity-3")]
    assert dropped.reasons == {"gave-up": 1}
    assert event("entity-3") not in queue.bodies()
    assert len(queue.stored) == 24
    assert queue.hidden == set()


def test_a_redriven_message_was_recorded_before_it_was_sent() -> None:
    queue, destination = queue_of(events(25)), MemoryDestination()
    recorded = list[str]()

    def record(messages: Sequence[DeadLetterMessage]) -> None:
        assert not {message.body for message in messages} & set(destination.bodies())
        recorded.extend(message.body for message in messages)

    DeadLetters(queue, "dlq").redrive(sender(destination).send, selecting(reason="gave-up"), record)
    assert sorted(recorded) == sorted(destination.bodies())
    assert len(recorded) == 25


@pytest.mark.parametrize("fifo", [True, False])
def test_what_is_done_enough_ends_before_the_queue_does_and_hides_nothing(fifo: bool) -> None:
    queue, destination = queue_of(events(35), fifo=fifo), MemoryDestination()
    letters = DeadLetters(queue, "dlq")
    found = letters.find(enough=lambda: queue.receives >= 2).letters
    assert (len(found), len(queue.stored), queue.hidden) == (2 * BATCH, 35, set())
    letters.redrive(sender(destination).send, enough=lambda: len(destination.arrived) >= BATCH)
    assert (len(destination.arrived), len(queue.stored), queue.hidden) == (BATCH, 25, set())
    dropped = list[DeadLetterMessage]()
    letters.drop(dropped.extend, enough=lambda: len(dropped) >= BATCH)
    assert (len(dropped), len(queue.stored), queue.hidden) == (BATCH, 15, set())


def test_a_filter_selects_by_the_ids_the_entity_and_the_reason_together() -> None:
    queue = queue_of(events(3))
    queue.add(event("entity-1", 2), "entity-1", reason="undecodable")
    messages = [message.id for message in queue.stored]

    def chosen(**conditions: Any) -> list[str]:
        return [
            message.id for message, _ in DeadLetters(queue, "dlq").find(DeadLetterFilter(**conditions).selects).letters
        ]

    assert chosen() == messages
    assert chosen(messages=frozenset(messages[:2])) == messages[:2]
    assert chosen(messages=frozenset()) == []
    assert chosen(subject="entity-1") == [messages[1], messages[3]]
    assert chosen(subject="entity-1", reason="gave-up") == [messages[1]]
    assert chosen(messages=frozenset(messages[:1]), subject="entity-1") == []


def test_a_filter_selects_a_long_reason_by_all_of_it_and_by_what_is_shown_of_it() -> None:
    queue = MemoryDeadLetterQueue()
    reason = "日本, \n" * 100
    queue.add(event("entity-1"), "entity-1", reason=reason)
    dead_letters = DeadLetters(queue, "dlq")
    ((_, shown),) = dead_letters.find().letters
    for text in (reason, shown.reason):
        assert len(dead_letters.find(DeadLetterFilter(reason=text).selects).letters) == 1
    assert dead_letters.find(DeadLetterFilter(reason=shown.reason[:-1]).selects).letters == []


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_during_a_drop_leaves_every_message_stored_or_recorded(after: bool) -> None:
    bodies = events(25)
    for at in itertools.count(1):
        crash = CrashPoint(at, after)
        queue, recorded = queue_of(bodies, crash), set[str]()

        def record(
            messages: Sequence[DeadLetterMessage], crash: CrashPoint = crash, recorded: set[str] = recorded
        ) -> None:
            crash.call(lambda: recorded.update(message.body for message in messages))

        try:
            DeadLetters(queue, "dlq").drop(record)
        except CrashError:
            assert set(queue.bodies()) | recorded == set(bodies)
        if crash.calls < at:
            break
    assert at > 5


def test_from_any_queue_every_selected_message_is_sent_and_every_other_stays(rng: random.Random) -> None:
    for _ in range(200):
        queue, destination = MemoryDeadLetterQueue(), MemoryDestination()
        fifo = rng.random() < 0.5
        for n in range(rng.randrange(40)):
            # A group of more than ten could not be seen as a whole.
            group = f"entity-{n // 9 if rng.random() < 0.5 else n}"
            body = event(group, n + 1) if rng.random() < 0.8 else f"no event {n}"
            queue.add(body, group if fifo else None, reason=rng.choice(["gave-up", "undecodable"]))
        before = list(queue.stored)
        DeadLetters(queue, "dlq").redrive(sender(destination).send, selecting(reason="gave-up"))
        reasons = {message.body: message.attributes["reason"] for message in before}
        assert sorted(destination.bodies()) == sorted(body for body in reasons if reasons[body] == "gave-up")
        assert queue.stored == [message for message in before if message.attributes["reason"] != "gave-up"]
        assert queue.hidden == set()
