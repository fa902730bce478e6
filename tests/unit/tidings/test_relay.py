import json
import random
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.tidings.example import Answered, Known
from tidings.core.entity import Entity, MessageMetadata, OutboxEvent, advance
from tidings.core.event import MAX_EVENT_BYTES
from tidings.core.ports import RefusedEvent, StreamRecord, Unpublished
from tidings.messaging.relay import MAX_PUBLISH_BYTES, MAX_PUBLISH_ENTRIES, REFUSED, Relay
from tidings.observability.log import logger
from tidings.testing import (
    CORRELATION_ID,
    TRACEPARENT,
    InlineExecutor,
    MemoryRelayDeadLetterQueue,
    MemoryTopic,
    VirtualClock,
    fails,
)

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
        self.records.append(StreamRecord(f"number {len(self.records)}", after.outbox[len(before.outbox) :], key))

    def write_text(self, key: str, *bodies: str) -> None:
        """Add these texts to an entity's outbox, as another program may do."""
        self.records.append(StreamRecord.of(f"number {len(self.records)}", (), bodies, key))


def relay(
    topic: MemoryTopic,
    records: Sequence[StreamRecord],
    threads: Executor | None = None,
    dlq: MemoryRelayDeadLetterQueue | None = None,
) -> str | None:
    """Publish for records, and return the position from which the stream resumes, if something failed."""
    dlq = dlq or MemoryRelayDeadLetterQueue()
    return resumed(Relay("answers", topic, dlq, threads or InlineExecutor()), records)


def resumed(relay: Relay, records: Sequence[StreamRecord]) -> str | None:
    """Return the position from which the stream resumes, if something failed."""
    failures = relay.handle(records)["batchItemFailures"]
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


@pytest.fixture
def dlq() -> MemoryRelayDeadLetterQueue:
    return MemoryRelayDeadLetterQueue()


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
        def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
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
    topic.unavailable = {"answers/a/2"}
    relay(topic, stream.records)
    assert sorted(ids(topic.published)) == ["answers/a/1", "answers/b/1", "answers/b/2", "answers/b/3"]


def test_a_failed_call_fails_only_its_own_batch(stream: Stream, topic: MemoryTopic) -> None:
    for n in range(2 * MAX_PUBLISH_ENTRIES):
        stream.write(f"entity-{n}", 2)
    topic.publish_faults.at("answers/entity-3/1", fails(TimeoutError("no answer")))
    relay(topic, stream.records)
    assert sorted(ids(topic.published)) == sorted(f"answers/entity-{n}/{k}" for n in range(10, 20) for k in (1, 2))


def test_the_stream_resumes_from_the_first_record_that_failed(stream: Stream, topic: MemoryTopic) -> None:
    for key in "abcab":
        stream.write(key)
    topic.unavailable = {"answers/a/2", "answers/c/1"}
    assert relay(topic, stream.records) == "number 2"


def test_a_record_fails_if_any_of_its_events_fails(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    stream.write("b", 3)
    topic.unavailable = {"answers/b/3"}
    assert relay(topic, stream.records) == "number 1"


def test_a_failed_event_is_published_when_the_stream_delivers_it_again(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 2)
    stream.write("b")
    topic.unavailable = {"answers/a/1"}
    assert relay(topic, stream.records) == "number 0"
    topic.unavailable = set()
    assert relay(topic, stream.records) is None
    assert [event for event in ids(topic.published) if "/a/" in event] == ["answers/a/1", "answers/a/2"]


def counted(stream: Stream, topic: MemoryTopic) -> list[dict[str, int]]:
    """The counts that a run of the relay reports."""
    counts: list[dict[str, int]] = []
    dlq = MemoryRelayDeadLetterQueue()
    Relay("answers", topic, dlq, InlineExecutor(), lambda found: counts.append(dict(found))).handle(stream.records)
    return counts


def test_a_published_event_is_logged_if_its_type_is_named(caplog: pytest.LogCaptureFixture) -> None:
    topic, stream, dlq = MemoryTopic(), Stream(), MemoryRelayDeadLetterQueue()
    caplog.set_level("INFO")
    stream.write("q1")
    Relay("answers", topic, dlq, InlineExecutor(), logged=["Asked"]).handle(stream.records)
    assert caplog.records == []
    Relay("answers", topic, dlq, InlineExecutor(), logged=["Asked", "Answered"]).handle(stream.records)
    (record,) = caplog.records
    assert (record.message, vars(record)["type"]) == ("an event was published", "Answered")
    assert vars(record)["event_id"] == "answers/q1/1"


def test_an_event_that_was_not_published_is_not_logged_as_published(caplog: pytest.LogCaptureFixture) -> None:
    topic, stream, dlq = MemoryTopic(), Stream(), MemoryRelayDeadLetterQueue()
    stream.write("q1")
    topic.publish_faults.next(fails(TimeoutError("no answer")))
    Relay("answers", topic, dlq, InlineExecutor(), logged=["Answered"]).handle(stream.records)
    assert "an event was published" not in [record.message for record in caplog.records]


def test_published_events_are_counted_by_type_once_a_run(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 2)
    stream.write("b")
    topic.unavailable = {"answers/a/2"}
    assert counted(stream, topic) == [{"Answered": 2}]


def test_a_run_that_publishes_nothing_counts_nothing(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    topic.unavailable = {"answers/a/1"}
    assert counted(stream, topic) == []


# Refused and unavailable events


def test_a_refused_event_goes_to_the_dead_letter_queue_at_once_and_holds_up_no_other(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write("a", 3)
    stream.write("b")
    stream.write("a")
    topic.refused = {"answers/a/2"}
    assert relay(topic, stream.records, dlq=dlq) is None
    assert sorted(ids(topic.published)) == ["answers/a/1", "answers/a/3", "answers/a/4", "answers/b/1"]
    body = stream.records[0].announced[1].body
    assert dlq.letters == [RefusedEvent(body, "refused", "InvalidParameter", "a", "answers/a/2", "Answered")]


def test_an_event_that_the_topic_cannot_take_now_is_waited_for_and_not_dead_lettered(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write("a", 2)
    topic.unavailable = {"answers/a/1"}
    assert relay(topic, stream.records, dlq=dlq) == "number 0"
    assert dlq.letters == []
    assert topic.published == []


def test_a_record_fails_if_the_dead_letter_queue_does_not_take_its_refused_event(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    for key in "abab":
        stream.write(key)
    topic.refused = {"answers/b/1"}
    dlq.faults.next(fails(TimeoutError("no answer")))
    running = Relay("answers", topic, dlq, InlineExecutor())
    assert resumed(running, stream.records) == "number 1"
    assert sorted(ids(topic.published)) == ["answers/a/1", "answers/a/2", "answers/b/2"]
    assert dlq.letters == []
    assert resumed(running, stream.records[1:]) is None
    assert [letter.event for letter in dlq.letters] == ["answers/b/1"]


def test_whatever_can_be_published_is_published_before_anything_is_dead_lettered(stream: Stream) -> None:
    steps: list[str] = []

    class WatchedTopic(MemoryTopic):
        def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
            steps.append("publish")
            return super().publish(events)

    class WatchedQueue(MemoryRelayDeadLetterQueue):
        def dead_letter(self, letter: RefusedEvent) -> None:
            steps.append("dead-letter")
            super().dead_letter(letter)

    topic = WatchedTopic()
    topic.refused = {"answers/a/1"}
    stream.write_text("b", "not JSON")
    stream.write("a", 3)
    relay(topic, stream.records, dlq=WatchedQueue())
    assert steps == ["publish"] * 3 + ["dead-letter"] * 2


def test_an_event_is_dead_lettered_once_though_an_earlier_failure_brings_it_back(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write("a")
    stream.write_text("c", "not JSON", "not JSON either")
    stream.write_text("d", "not JSON")
    stream.write("b")
    topic.refused, topic.unavailable = {"answers/b/1"}, {"answers/a/1"}
    running = Relay("answers", topic, dlq, InlineExecutor())
    for _ in range(5):
        assert resumed(running, stream.records) == "number 0"
    assert [(letter.key, letter.body) for letter in dlq.letters[:3]] == [
        ("c", "not JSON"),
        ("c", "not JSON either"),
        ("d", "not JSON"),
    ]
    assert [letter.event for letter in dlq.letters[3:]] == ["answers/b/1"]


class Position(str):
    """A position whose hash is that of every other."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 1


def test_dead_letters_of_different_records_are_sent_even_if_their_hashes_are_equal(
    topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    records = [StreamRecord.of(Position(f"number {n}"), (), ["not JSON"], "a") for n in range(2)]
    assert relay(topic, records, dlq=dlq) is None
    assert len(dlq.letters) == 2


def forged(**members: Any) -> str:
    """Return an event of the entity `bad` with other members."""
    written = Stream()
    written.write("bad")
    return json.dumps(json.loads(written.records[0].announced[0].body) | members, ensure_ascii=False)


LONG = "l" * 129


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "undecodable"),
        ("not JSON", "undecodable"),
        ("\ud800", "undecodable"),
        ('{"x":' + "[" * 10_000, "undecodable"),
        ('{"x":' + "[" * 100_000, "oversized"),
        (5, "undecodable"),
        (forged(data=0).replace('"data": 0', f'"data": {"[" * 500}{"]" * 500}'), "undecodable"),
        (forged().replace("{", '{"source": "payment", ', 1), "undecodable"),
        ("null", "not-an-event"),
        ("{}", "not-an-event"),
        (forged(id=5), "not-an-event"),
        (forged(subject=None), "not-an-event"),
        (forged(id="answers/other/1"), "not-an-event"),
        (forged(id="payment/bad/1"), "not-an-event"),
        (forged(text="x" * MAX_EVENT_BYTES), "oversized"),
        (forged(source="payment"), "not-an-event"),
        (forged(source="payment", id="payment/bad/1"), "wrong-source"),
        (forged(source=""), "not-an-event"),
        (forged(time="yesterday"), "not-an-event"),
        (forged(id="answers/bad/01"), "not-an-event"),
        (forged(subject="#x", id="answers/#x/1"), "not-an-event"),
        (forged(subject="a b", id="answers/a b/1"), "not-an-event"),
        (forged(subject="é", id="answers/é/1"), "not-an-event"),
        (forged(subject="", id="answers//1"), "not-an-event"),
        (forged(subject=LONG, id=f"answers/{LONG}/1"), "not-an-event"),
        (forged(id=f"answers/bad/{LONG}"), "not-an-event"),
        (forged(type=""), "not-an-event"),
        (forged(type="tab\there"), "not-an-event"),
        (forged(text="\uffff"), "unpublishable"),
    ],
)
def test_what_no_topic_or_consumer_would_take_goes_to_the_dead_letter_queue_without_being_published(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue, body: Any, reason: str
) -> None:
    stream.write("a")
    stream.write_text("bad", body)
    stream.write("a")
    assert relay(topic, stream.records, dlq=dlq) is None
    assert ids(topic.published) == ["answers/a/1", "answers/a/2"]
    (letter,) = dlq.letters
    assert (letter.reason, letter.key, letter.body) == (reason, "bad", str(body))


def test_the_dead_letter_of_an_event_that_consumers_refuse_names_the_event_and_its_wrong_field(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write_text("bad", forged(time="yesterday"))
    relay(topic, stream.records, dlq=dlq)
    (letter,) = dlq.letters
    assert (letter.event, letter.type) == ("answers/bad/1", "Answered")
    assert letter.detail.startswith("time: ")


@pytest.mark.parametrize("text", ["é", "\u2028", "🙂", "tab\t", "\x7f"])
def test_every_character_that_a_queue_accepts_is_published(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue, text: str
) -> None:
    stream.write_text("bad", forged(text=text))
    assert relay(topic, stream.records, dlq=dlq) is None
    assert dlq.letters == []
    assert ids(topic.published) == ["answers/bad/1"]


def test_a_record_that_cannot_be_read_goes_to_the_dead_letter_queue_by_itself(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write("a")
    stream.records.append(StreamRecord("number 1", key="b", unreadable="KeyError: 'S'"))
    stream.write("a")
    assert relay(topic, stream.records, dlq=dlq) is None
    assert ids(topic.published) == ["answers/a/1", "answers/a/2"]
    assert dlq.letters == [RefusedEvent('{"position":"number 1","key":"b"}', "unreadable-record", "KeyError: 'S'", "b")]


def test_a_record_that_can_neither_be_read_nor_dead_lettered_fails(
    stream: Stream, topic: MemoryTopic, dlq: MemoryRelayDeadLetterQueue
) -> None:
    stream.write("a")
    stream.records.append(StreamRecord("number 1", key="b", unreadable="KeyError: 'S'"))
    dlq.faults.at("b", fails(TimeoutError("no answer")))
    assert relay(topic, stream.records, dlq=dlq) == "number 1"
    assert ids(topic.published) == ["answers/a/1"]


def test_refused_events_are_counted_once_a_run_beside_the_published_ones(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 3)
    stream.write_text("b", "not JSON")
    topic.refused = {"answers/a/2"}
    assert counted(stream, topic) == [{"Answered": 2, REFUSED: 2}]


def test_a_refused_event_is_logged_by_its_id_and_code_without_its_data(
    stream: Stream, topic: MemoryTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    for level in ("error", "exception"):
        monkeypatch.setattr(logger, level, lambda text, extra: lines.append(f"{text} {extra}"), raising=False)
    stream.write("a", text="secret")
    stream.write_text("b", forged(id=5, text="secret"))
    topic.refused = {"answers/a/1"}
    relay(topic, stream.records)
    assert "secret" not in str(lines)
    assert all(word in str(lines) for word in ("answers/a/1", "InvalidParameter", "number 1", "not-an-event"))
