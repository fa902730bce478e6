"""The ports in memory beyond what `tests/ports` compares with AWS: recording, faults, and calls that are refused."""

import pytest

from tests.unit.tidings.example import Asked
from tidings.core.decisions import Increment, Numbers
from tidings.core.entity import OutboxEvent, StoredEntity
from tidings.core.event import encode
from tidings.core.ports import (
    MAX_ACTIONS,
    ConditionFailedError,
    DeadLetter,
    EntityWrite,
    Message,
    RefusedEvent,
    Unpublished,
    VersionConflictError,
)
from tidings.core.strategy import CounterKey
from tidings.messaging.relay import MAX_PUBLISH_ENTRIES
from tidings.testing import (
    InlineExecutor,
    MemoryQueue,
    MemoryRelayDeadLetterQueue,
    MemoryTable,
    MemoryTopic,
    VirtualClock,
    fails,
    make_event,
    make_record,
)

SHELF = "#shelf#a1"
TAKE = Increment(SHELF, {"left": -1, "lent": 1}, {"left": 1})


def write(key: str, version: int = 1) -> EntityWrite:
    return EntityWrite(StoredEntity(key, version, state="{}"), version - 1)


def outbox_event(subject: str, text: str = "why?") -> OutboxEvent:
    return OutboxEvent(encode(make_event(Asked(question=text), subject=subject)))


# Tables


def test_a_table_records_its_reads_attempts_and_commits() -> None:
    table = MemoryTable()
    table.commit([write("a"), write("b")])
    with pytest.raises(VersionConflictError):
        table.commit([write("a")], [TAKE])
    assert table.read(["a", "c"]) == {"a": write("a").entity}
    assert (table.reads, table.attempts) == ([("a", "c")], 2)
    assert table.commits == [((write("a"), write("b")), ())]


def test_a_failed_commit_is_not_recorded_and_changes_nothing() -> None:
    table = MemoryTable()
    table.commit([write("a")])
    with pytest.raises(VersionConflictError) as conflict:
        table.commit([write("a"), write("b")])
    assert conflict.value.found == {"a": write("a").entity}
    assert (list(table.entities), len(table.commits)) == (["a"], 1)


def test_an_entity_that_is_expected_and_does_not_exist_is_a_conflict() -> None:
    with pytest.raises(VersionConflictError) as conflict:
        MemoryTable().commit([write("a", 2)])
    assert conflict.value.found == {"a": None}


def test_a_failed_condition_returns_the_numbers_that_were_found() -> None:
    table = MemoryTable()
    table.put_numbers(SHELF, {"left": 0, "lent": 3})
    missing = Increment("#shelf#a2", {"left": -1}, {"left": 1})
    with pytest.raises(ConditionFailedError) as error:
        table.commit([write("a")], [TAKE, missing])
    assert error.value.failed.failures == ((TAKE, {"left": 0, "lent": 3}), (missing, None))
    assert table.numbers(SHELF) == {"left": 0, "lent": 3}
    assert "a" not in table.entities


def test_a_version_conflict_comes_before_a_failed_condition() -> None:
    table = MemoryTable()
    table.commit([write("a")])
    with pytest.raises(VersionConflictError):
        table.commit([write("a")], [TAKE])


def test_an_increment_counts_a_missing_number_from_its_start_or_from_zero() -> None:
    table = MemoryTable()
    table.put_numbers(SHELF, {"left": 1})
    table.commit([write("a")], [TAKE])
    table.commit([write("b")], [Increment(SHELF, {"lent": 2, "sold": 2}, start={"lent": 100, "sold": 100})])
    assert table.numbers(SHELF) == {"left": 0, "lent": 3, "sold": 102}
    assert table.numbers("#shelf#a2") == {}


def test_a_missing_number_that_starts_from_enough_meets_its_minimum() -> None:
    table = MemoryTable()
    table.commit([write("a")], [Increment(SHELF, {"left": -1}, {"left": 1}, {"left": 1})])
    with pytest.raises(ConditionFailedError):
        table.commit([write("b")], [Increment(SHELF, {"left": -1}, {"left": 1}, {"left": 1})])
    assert table.numbers(SHELF) == {"left": 0}


def test_an_expired_item_is_deleted_and_begins_anew() -> None:
    table = MemoryTable()
    table.commit([write("a")], [Increment(SHELF, {"n": 1}, expires=10), Increment("#other", {"n": 1})])
    table.commit([write("b")], [Increment(SHELF, {"n": 1}, expires=20)])
    table.delete_expired(10_000)
    assert table.numbers(SHELF) == {"n": 2}
    table.delete_expired(10_001)
    assert (table.numbers(SHELF), table.numbers("#other")) == ({}, {"n": 1})
    table.commit([write("c")], [Increment(SHELF, {"n": 1}, expires=20)])
    assert (table.numbers(SHELF), table.expires) == ({"n": 1}, {(SHELF, ""): 20})


def test_a_table_refuses_more_items_than_a_transaction_takes() -> None:
    with pytest.raises(ValueError, match="ValidationException"):
        MemoryTable().commit([write(f"{n}") for n in range(MAX_ACTIONS)], [Increment(SHELF, {"left": 1})])


def test_a_table_refuses_a_transaction_without_items() -> None:
    with pytest.raises(ValueError, match="ValidationException"):
        MemoryTable().commit([])


def test_a_table_refuses_one_item_twice() -> None:
    for writes, increments in (([write("a")] * 2, []), ([write("a")], [TAKE, TAKE]), ([write(SHELF)], [TAKE])):
        with pytest.raises(ValueError, match="ValidationException"):
            MemoryTable().commit(writes, increments)
    with pytest.raises(ValueError, match="ValidationException"):
        MemoryTable().read(["a", "a"])


def test_the_rows_of_one_key_are_different_items() -> None:
    table = MemoryTable()
    table.commit([write("a")], [Increment("#group#0", {"n": n}, row=row) for n, row in enumerate("xy")])
    assert (table.numbers("#group#0", "x"), table.numbers("#group#0", "y")) == ({"n": 0}, {"n": 1})


def test_a_tables_stream_receives_every_entity_and_its_watch_every_item() -> None:
    class Stream:
        def append(self, old: StoredEntity | None, new: StoredEntity) -> None:
            seen.append((old, new))

    def watch(key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
        watched.append((key, old, new))

    seen: list[tuple[StoredEntity | None, StoredEntity]] = []
    watched: list[tuple[str, StoredEntity | Numbers | None, StoredEntity | Numbers]] = []
    table = MemoryTable(Stream(), watch)
    table.commit([write("a")], [Increment(SHELF, {"left": 1})])
    table.commit([write("a", 2)], [Increment(SHELF, {"left": 1})])
    first, second = write("a").entity, write("a", 2).entity
    assert seen == [(None, first), (first, second)]
    assert watched == [
        (SHELF, None, {"left": 1}),
        ("a", None, first),
        (SHELF, {"left": 1}, {"left": 2}),
        ("a", first, second),
    ]


def test_a_tables_calls_fail_on_demand() -> None:
    table = MemoryTable()
    table.read_faults.at("a", fails(TimeoutError()))
    table.commit_faults.at("b", fails(TimeoutError()))
    assert table.read(["b"]) == {}
    with pytest.raises(TimeoutError):
        table.read(["b", "a"])
    table.commit([write("a")])
    with pytest.raises(TimeoutError):
        table.commit([write("c"), write("b")])
    assert list(table.entities) == ["a"]


def test_a_counter_is_summed_over_its_shards_from_its_start() -> None:
    table = MemoryTable()
    for n, shard in enumerate("0101"):
        increment = Increment(f"#group#{shard}", {"n": 2, "zero": 0}, start={"n": 10}, row="row")
        table.commit([write(f"{n}")], [increment])
    assert table.counters() == {CounterKey("group", "row", "n"): 2 * 10 + 4 * 2}
    assert table.shards() == {"0", "1"}


def test_a_group_may_contain_the_character_of_reserved_keys() -> None:
    table = MemoryTable()
    table.commit([write("a")], [Increment("#with#tea#0", {"n": 1}, row="cup")])
    assert table.counters() == {CounterKey("with#tea", "cup", "n"): 1}


# Queues and topics


def test_a_queue_records_delays_and_dead_letters() -> None:
    queue = MemoryQueue()
    letter = DeadLetter(Message.of(make_record("text")), "gave-up", "no answer", None)
    queue.retry_later({"message-1": 5})
    queue.dead_letter(letter)
    assert (queue.delays, queue.dead_letters) == ({"message-1": 5}, [letter])


@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_a_queue_refuses_a_delay_that_is_no_visibility_timeout(seconds: int) -> None:
    with pytest.raises(ValueError, match="InvalidParameterValue"):
        MemoryQueue().retry_later({"message-1": seconds})


def test_a_topic_records_batches_and_published_events_and_returns_the_others() -> None:
    topic = MemoryTopic()
    a, b, c = outbox_event("a"), outbox_event("b"), outbox_event("c")
    topic.refused, topic.unavailable = {"test/b/1"}, {"test/c/1"}
    unpublished = [Unpublished(b, True, "InvalidParameter"), Unpublished(c, False, "InternalError")]
    assert topic.publish([a, b, c]) == unpublished
    assert (topic.published, topic.batches) == ([a], [["test/a/1", "test/b/1", "test/c/1"]])


def test_a_relays_dead_letter_queue_records_its_letters_and_fails_on_demand() -> None:
    dlq = MemoryRelayDeadLetterQueue()
    first, second = (RefusedEvent("{}", "refused", "InvalidParameter", key) for key in "ab")
    dlq.faults.at("b", fails(TimeoutError("no answer")))
    dlq.dead_letter(first)
    with pytest.raises(TimeoutError):
        dlq.dead_letter(second)
    assert dlq.letters == [first]


def test_a_topic_refuses_a_batch_that_is_empty_or_too_large() -> None:
    many = [outbox_event(f"{n}") for n in range(MAX_PUBLISH_ENTRIES + 1)]
    large = [outbox_event(f"{n}", "x" * 60_000) for n in range(5)]
    for batch in ([], many, large):
        with pytest.raises(ValueError, match="Batch"):
            MemoryTopic().publish(batch)


# Time and threads


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(1000)
    assert [clock(), clock()] == [1000, 1000]
    clock.advance(seconds=2, milliseconds=5)
    assert clock() == clock.now == 3005


def test_an_inline_executor_runs_a_task_at_once_and_raises_its_error() -> None:
    executor = InlineExecutor()
    done: list[int] = []
    future = executor.submit(done.append, 1)
    assert (done, future.done()) == ([1], True)
    assert list(executor.map(abs, [-1, -2])) == [1, 2]
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0)
