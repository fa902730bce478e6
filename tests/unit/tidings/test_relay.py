import random
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from tests.unit.tidings.example import Answered, Known
from tidings.core.entity import Entity, MessageMetadata, OutboxEvent, advance
from tidings.core.errors import PermanentError
from tidings.core.ports import StreamRecord
from tidings.messaging.relay import MAX_PUBLISH_BYTES, MAX_PUBLISH_ENTRIES, Relay
from tidings.testing import CORRELATION_ID, TRACEPARENT, InlineExecutor, MemoryTopic, VirtualClock, fails

NOON = VirtualClock().now


class Stream:
    """A table's stream: the records of writes that announce events."""

    def __init__(self) -> None:
        self.records: list[StreamRecord] = []
        self._entities: dict[str, Entity[Known]] = {}

    def write(self, key: str, announce: int = 1, *, text: str = "so") -> None:
        before: Entity[Known] = self._entities.get(key, Entity(key))
        metadata = MessageMetadata(CORRELATION_ID, TRACEPARENT, NOON)
        data = [Answered(text=text)] * announce
        after = advance(before, "answers", Known(), data, metadata, NOON)
        self._entities[key] = after
        self.records.append(StreamRecord(f"number {len(self.records)}", after.outbox[len(before.outbox) :]))


def relay(topic: MemoryTopic, records: Sequence[StreamRecord], threads: Executor | None = None) -> str | None:
    """Publish for records, and return the position from which the stream resumes, if something failed."""
    failures = Relay(topic, threads or InlineExecutor()).handle(records)["batchItemFailures"]
    assert len(failures) <= 1
    return failures[0]["itemIdentifier"] if failures else None


def ids(events: Iterable[OutboxEvent]) -> list[str]:
    return [event.head.id for event in events]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def topic() -> MemoryTopic:
    return MemoryTopic()


# Batches


def test_without_failures_the_answer_is_empty(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    assert relay(topic, stream.records) is None
    assert ids(topic.published) == ["answers/a/1"]


def test_an_event_is_published_as_its_outbox_stores_it(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    relay(topic, stream.records)
    assert [event.body for event in topic.published] == [event.body for event in stream.records[0].announced]


def test_a_record_that_announces_nothing_is_passed(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 0)
    stream.write("a")
    assert relay(topic, stream.records) is None
    assert ids(topic.published) == ["answers/a/1"]


def test_for_no_records_nothing_is_published(topic: MemoryTopic) -> None:
    assert relay(topic, []) is None
    assert topic.batches == []


@pytest.mark.parametrize(("entities", "calls"), [(1, 1), (10, 1), (11, 2), (30, 3), (31, 4)])
def test_ten_events_of_different_entities_take_one_call(
    stream: Stream, topic: MemoryTopic, entities: int, calls: int
) -> None:
    for n in range(entities):
        stream.write(f"entity-{n}")
    relay(topic, stream.records)
    assert len(topic.batches) == calls
    assert len(topic.published) == entities


def test_a_batch_is_no_larger_than_the_topic_accepts(stream: Stream, topic: MemoryTopic) -> None:
    for n in range(25):
        stream.write(f"entity-{n}", text="é" * 25_000)
    relay(topic, stream.records)
    sizes = {event.head.id: len(event.body.encode()) for event in topic.published}
    assert len(sizes) == 25
    assert max(sum(sizes[event] for event in batch) for batch in topic.batches) <= MAX_PUBLISH_BYTES
    assert max(len(batch) for batch in topic.batches) <= MAX_PUBLISH_ENTRIES


def test_no_batch_contains_two_events_of_one_entity(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 3)
    stream.write("b", 1)
    stream.write("a", 2)
    relay(topic, stream.records)
    for batch in topic.batches:
        entities = [event.split("/")[1] for event in batch]
        assert len(entities) == len(set(entities))
    assert len(topic.published) == 6


def test_an_entitys_events_are_published_in_order(stream: Stream, topic: MemoryTopic, rng: random.Random) -> None:
    for _ in range(200):
        stream.write(rng.choice("abcdefghijklmnop"), rng.randrange(4))
    with ThreadPoolExecutor(4) as threads:
        assert relay(topic, stream.records, threads) is None
    numbers: dict[str, list[int]] = {}
    for event in ids(topic.published):
        _, entity, number = event.split("/")
        numbers.setdefault(entity, []).append(int(number))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
    assert len(topic.published) == sum(len(record.announced) for record in stream.records)


def test_batches_of_different_entities_are_published_in_parallel(stream: Stream) -> None:
    together = threading.Barrier(2)

    class MeetingTopic(MemoryTopic):
        def publish(self, events: Sequence[OutboxEvent]) -> Sequence[OutboxEvent]:
            together.wait(10)
            return super().publish(events)

    for n in range(2 * MAX_PUBLISH_ENTRIES):
        stream.write(f"entity-{n}")
    with ThreadPoolExecutor(2) as threads:
        assert relay(MeetingTopic(), stream.records, threads) is None


# Failures


def test_an_event_that_fails_alone_delays_its_entitys_later_events(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    stream.write("b")
    stream.write("a", 2)
    stream.write("b", 2)
    topic.refused = {"answers/a/2"}
    relay(topic, stream.records)
    assert sorted(ids(topic.published)) == ["answers/a/1", "answers/b/1", "answers/b/2", "answers/b/3"]


def test_a_failed_call_fails_only_its_own_batch(stream: Stream, topic: MemoryTopic) -> None:
    for n in range(2 * MAX_PUBLISH_ENTRIES):
        stream.write(f"entity-{n}", 2)
    topic.publish_faults.at("answers/entity-3/1", fails(TimeoutError("no answer")))
    relay(topic, stream.records)
    assert sorted(ids(topic.published)) == sorted(f"answers/entity-{n}/{k}" for n in range(10, 20) for k in (1, 2))


def test_a_batch_that_is_refused_because_of_one_event_is_published_without_it(
    stream: Stream, topic: MemoryTopic
) -> None:
    for n in range(MAX_PUBLISH_ENTRIES):
        stream.write(f"entity-{n}")
    topic.publish_faults.at("answers/entity-3/1", fails(PermanentError("refused", "an unacceptable character")))
    assert relay(topic, stream.records) is not None
    others = (n for n in range(MAX_PUBLISH_ENTRIES) if n != 3)
    assert sorted(ids(topic.published)) == sorted(f"answers/entity-{n}/1" for n in others)


def test_the_stream_resumes_from_the_first_record_that_failed(stream: Stream, topic: MemoryTopic) -> None:
    for key in "abcab":
        stream.write(key)
    topic.refused = {"answers/a/2", "answers/c/1"}
    assert relay(topic, stream.records) == "number 2"


def test_a_record_fails_if_any_of_its_events_fails(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    stream.write("b", 3)
    topic.refused = {"answers/b/3"}
    assert relay(topic, stream.records) == "number 1"


def test_a_failed_event_is_published_when_the_stream_delivers_it_again(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 2)
    stream.write("b")
    topic.refused = {"answers/a/1"}
    assert relay(topic, stream.records) == "number 0"
    topic.refused = set()
    assert relay(topic, stream.records) is None
    assert [event for event in ids(topic.published) if "/a/" in event] == ["answers/a/1", "answers/a/2"]


def counted(stream: Stream, topic: MemoryTopic) -> list[dict[str, int]]:
    """The counts that a run of the relay reports."""
    counts: list[dict[str, int]] = []
    Relay(topic, InlineExecutor(), lambda published: counts.append(dict(published))).handle(stream.records)
    return counts


def test_published_events_are_counted_by_type_once_a_run(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 2)
    stream.write("b")
    topic.refused = {"answers/a/2"}
    assert counted(stream, topic) == [{"Answered": 2}]


def test_a_run_that_publishes_nothing_counts_nothing(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    topic.refused = {"answers/a/1"}
    assert counted(stream, topic) == []
