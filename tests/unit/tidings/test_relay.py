import random
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.facts import NOON_MILLIS, TRACE
from tests.unit.memory import AtOnce, MemoryTopic
from tests.unit.tidings.example import Answered, Known
from tidings.errors import PermanentError
from tidings.item import Cause, Item, ItemCodec, advance
from tidings.relay import MAX_BYTES, MAX_ENTRIES, Entry, Relay, announced

CODEC = ItemCodec(Known)


class Stream:
    """A table's stream: what orders announce, write after write."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._items: dict[str, Item[Known]] = {}

    def write(self, order: str, announce: int = 1, *, text: str = "so") -> None:
        before = self._items.get(order)
        cause = Cause("request-1", TRACE, NOON_MILLIS)
        data = [Answered(text=text)] * announce
        after = advance(before or Item(order), "answers", Known(), data, cause, NOON_MILLIS)
        self._items[order] = after
        self._append(order, before, after)

    def remove(self, order: str) -> None:
        self._append(order, self._items.pop(order), None)

    def _append(self, order: str, before: Item[Known] | None, after: Item[Known] | None) -> None:
        images = {"OldImage": before, "NewImage": after}
        self.records.append(
            {
                "eventName": "INSERT" if before is None else "MODIFY" if after else "REMOVE",
                "dynamodb": {
                    "Keys": {"pk": {"S": order}},
                    "SequenceNumber": f"number {len(self.records)}",
                    **{name: CODEC.encode(item, announces=True, extra={}) for name, item in images.items() if item},
                },
            }
        )


def relay(topic: MemoryTopic, records: Sequence[dict[str, Any]], executor: Executor | None = None) -> str | None:
    """The sequence number from which the stream is to be resumed, where something failed."""
    failures = Relay(topic, executor or AtOnce()).handle(records)["batchItemFailures"]
    assert len(failures) <= 1
    return failures[0]["itemIdentifier"] if failures else None


def ids(entries: Iterable[Entry]) -> list[str]:
    return [entry.head.id for entry in entries]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def topic() -> MemoryTopic:
    return MemoryTopic()


# What is announced


def test_a_new_items_events_are_announced(stream: Stream) -> None:
    stream.write("a", 2)
    assert ids(announced(stream.records[0])) == ["answers/a/1", "answers/a/2"]


def test_only_events_that_the_old_image_has_not_are_announced(stream: Stream) -> None:
    stream.write("a", 2)
    stream.write("a", 1)
    assert ids(announced(stream.records[1])) == ["answers/a/3"]


def test_a_write_that_adds_no_event_announces_nothing(stream: Stream) -> None:
    stream.write("a", 2)
    stream.write("a", 0)
    assert announced(stream.records[1]) == []


def test_an_item_that_is_removed_announces_nothing(stream: Stream) -> None:
    stream.write("a", 2)
    stream.remove("a")
    assert announced(stream.records[1]) == []


def test_an_item_that_is_no_order_announces_nothing() -> None:
    stock = {"pk": {"S": "stock#tea"}, "available": {"N": "3"}}
    assert announced({"dynamodb": {"NewImage": stock}}) == []


def test_an_event_is_published_as_the_table_holds_it(stream: Stream) -> None:
    stream.write("a")
    (entry,) = announced(stream.records[0])
    assert entry.body == stream.records[0]["dynamodb"]["NewImage"]["events"]["L"][0]["S"]
    assert (entry.head.type, entry.head.subject) == ("Answered", "a")


# How it is published


def test_nothing_failed_is_an_empty_answer(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    assert relay(topic, stream.records) is None
    assert topic.taken == ["answers/a/1"]


def test_an_empty_batch_publishes_nothing(topic: MemoryTopic) -> None:
    assert relay(topic, []) is None
    assert topic.batches == []


@pytest.mark.parametrize(("orders", "calls"), [(1, 1), (10, 1), (11, 2), (30, 3), (31, 4)])
def test_ten_events_of_different_orders_take_one_call(
    stream: Stream, topic: MemoryTopic, orders: int, calls: int
) -> None:
    for n in range(orders):
        stream.write(f"order-{n}")
    relay(topic, stream.records)
    assert len(topic.batches) == calls
    assert len(topic.taken) == orders


def test_a_batch_holds_no_more_than_the_topic_takes(stream: Stream, topic: MemoryTopic) -> None:
    for n in range(25):
        stream.write(f"order-{n}", text="é" * 25_000)
    relay(topic, stream.records)
    assert len(topic.taken) == 25
    assert max(topic.sizes) <= MAX_BYTES
    assert max(len(batch) for batch in topic.batches) <= MAX_ENTRIES


def test_no_batch_holds_two_events_of_one_order(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 3)
    stream.write("b", 1)
    stream.write("a", 2)
    relay(topic, stream.records)
    for batch in topic.batches:
        orders = [event.split("/")[1] for event in batch]
        assert len(orders) == len(set(orders))
    assert len(topic.taken) == 6


def test_an_orders_events_are_published_in_their_order(
    stream: Stream, topic: MemoryTopic, chance: random.Random
) -> None:
    for _ in range(200):
        stream.write(chance.choice("abcdefghijklmnop"), chance.randrange(4))
    with ThreadPoolExecutor(4) as threads:
        assert relay(topic, stream.records, threads) is None
    numbers: dict[str, list[int]] = {}
    for event in topic.taken:
        _, order, number = event.split("/")
        numbers.setdefault(order, []).append(int(number))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
    assert len(topic.taken) == sum(len(announced(record)) for record in stream.records)


def test_batches_of_different_orders_are_published_at_once(stream: Stream) -> None:
    together = threading.Barrier(2)

    class Meeting(MemoryTopic):
        def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
            together.wait(10)
            return super().publish(entries)

    for n in range(2 * MAX_ENTRIES):
        stream.write(f"order-{n}")
    with ThreadPoolExecutor(2) as threads:
        assert relay(Meeting(), stream.records, threads) is None


# What fails


def test_an_entry_that_fails_alone_holds_its_orders_later_events_back(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    stream.write("b")
    stream.write("a", 2)
    stream.write("b", 2)
    topic.refuses = {"answers/a/2"}
    relay(topic, stream.records)
    assert sorted(topic.taken) == ["answers/a/1", "answers/b/1", "answers/b/2", "answers/b/3"]


def test_a_call_that_fails_fails_its_own_batch_only(stream: Stream, topic: MemoryTopic) -> None:
    for n in range(2 * MAX_ENTRIES):
        stream.write(f"order-{n}", 2)
    topic.breaks_at = {"answers/order-3/1"}
    relay(topic, stream.records)
    assert sorted(topic.taken) == sorted(f"answers/order-{n}/{k}" for n in range(10, 20) for k in (1, 2))


def test_a_batch_that_is_refused_for_one_entrys_sake_is_published_without_it(stream: Stream) -> None:
    class Fussy(MemoryTopic):
        def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
            if any(entry.head.subject == "order-3" for entry in entries):
                raise PermanentError("refused", "a character that no queue takes")
            return super().publish(entries)

    topic = Fussy()
    for n in range(MAX_ENTRIES):
        stream.write(f"order-{n}")
    assert relay(topic, stream.records) is not None
    assert sorted(topic.taken) == sorted(f"answers/order-{n}/1" for n in range(MAX_ENTRIES) if n != 3)


def test_the_stream_is_resumed_from_the_first_record_that_failed(stream: Stream, topic: MemoryTopic) -> None:
    for order in "abcab":
        stream.write(order)
    topic.refuses = {"answers/a/2", "answers/c/1"}
    assert relay(topic, stream.records) == "number 2"


def test_a_record_fails_where_any_of_its_events_does(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a")
    stream.write("b", 3)
    topic.refuses = {"answers/b/3"}
    assert relay(topic, stream.records) == "number 1"


def test_what_failed_is_published_when_the_stream_brings_it_again(stream: Stream, topic: MemoryTopic) -> None:
    stream.write("a", 2)
    stream.write("b")
    topic.refuses = {"answers/a/1"}
    assert relay(topic, stream.records) == "number 0"
    topic.refuses = set()
    assert relay(topic, stream.records) is None
    assert [event for event in topic.taken if "/a/" in event] == ["answers/a/1", "answers/a/2"]


def test_what_was_published_is_counted_by_type_once_a_run_and_what_was_refused_is_not() -> None:
    stream, topic = Stream(), MemoryTopic()
    stream.write("a", 2)
    stream.write("b")
    topic.refuses = {"answers/a/2"}
    counted: list[dict[str, int]] = []
    Relay(topic, AtOnce(), lambda counts: counted.append(dict(counts))).handle(stream.records)
    assert counted == [{"Answered": 2}]


def test_a_run_that_publishes_nothing_counts_nothing() -> None:
    stream, topic = Stream(), MemoryTopic()
    stream.write("a")
    topic.refuses = {"answers/a/1"}
    counted: list[dict[str, int]] = []
    Relay(topic, AtOnce(), lambda counts: counted.append(dict(counts))).handle(stream.records)
    assert counted == []
