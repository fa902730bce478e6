import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.facts import fact
from tests.unit.memory import AtOnce, MemoryQueue
from tests.unit.tidings.example import Asked
from tidings.consumer import LONGEST_POSTPONEMENT, MAX_DETAIL, Consumer, any_event, contracted
from tidings.errors import PermanentError, RetryableError
from tidings.events import Event, encode
from tidings.service import QueueKind

MAX_RECEIVES = 5
PATIENCE = 10
"""Seconds that a test with threads waits at most for what must happen at once."""


def record(order: str, n: int, *, attempts: int = 1, body: str | None = None) -> dict[str, Any]:
    """A record of Lambda's SQS event; its message id is that of the event, `<order>/<n>`."""
    return {
        "messageId": f"{order}/{n}",
        "receiptHandle": f"receipt of {order}/{n}",
        "body": encode(fact(Asked(), order=order, n=n)) if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(attempts),
            "SentTimestamp": "1769860800000",
            "MessageGroupId": order,
        },
    }


class Bench:
    """A consumer whose reactions fail where a test says so, and remember what they were given."""

    def __init__(self, kind: QueueKind = "standard", executor: Executor | None = None) -> None:
        self.queue = MemoryQueue()
        self.tried: list[str] = []
        self.deadlines: set[int] = set()
        self.fails: dict[str, Exception] = {}
        self.meanwhile: Callable[[str], None] = lambda _: None
        self.backoff = 2.0
        self.chance = 1.0
        self.now = 0
        self._kind = kind
        self._executor = executor or AtOnce()

    def handle(self, *records: dict[str, Any], deadline: int = 0) -> list[str]:
        """The ids of the messages that failed."""
        consumer = Consumer(
            queue=self.queue,
            kind=self._kind,
            parse=contracted([Asked]),
            open_order=lambda order: lambda event, deadline: self._react(order, event, deadline),
            executor=self._executor,
            max_receives=MAX_RECEIVES,
            backoff=self.backoff,
            randomness=lambda: self.chance,
            clock=lambda: self.now,
        )
        answer = consumer.handle(records, deadline)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def delay(self, message: str) -> int:
        return self.queue.postponed[f"receipt of {message}"]

    def buried(self) -> dict[str, str]:
        return {letter.message.id: letter.reason for letter in self.queue.buried}

    def _react(self, order: str, event: Event[Any], deadline: int) -> None:
        assert event.subject == order
        message = f"{event.subject}/{event.sequence}"
        self.meanwhile(message)
        self.tried.append(message)
        self.deadlines.add(deadline)
        if message in self.fails:
            raise self.fails[message]


@pytest.fixture
def standard() -> Bench:
    return Bench("standard")


@pytest.fixture
def fifo() -> Bench:
    return Bench("fifo")


@pytest.fixture(params=["standard", "fifo"])
def either(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


# Failures


def test_a_batch_without_failures_reports_none(either: Bench) -> None:
    assert either.handle(record("a", 1), record("a", 2), record("b", 1), deadline=7) == []
    assert sorted(either.tried) == ["a/1", "a/2", "b/1"]
    assert either.deadlines == {7}
    assert not either.queue.postponed


def test_an_empty_batch_is_nothing(either: Bench) -> None:
    assert either.handle() == []


def test_a_message_that_fails_is_reported_alone(either: Bench) -> None:
    either.fails["b/1"] = TimeoutError("no answer")
    assert either.handle(record("a", 1), record("b", 1), record("c", 1)) == ["b/1"]
    assert list(either.queue.postponed) == ["receipt of b/1"]
    assert either.tried == ["a/1", "b/1", "c/1"]


def test_on_a_standard_queue_later_messages_of_the_order_are_tried_all_the_same(standard: Bench) -> None:
    standard.fails["a/1"] = TimeoutError("no answer")
    assert standard.handle(record("a", 1), record("a", 2), record("a", 3)) == ["a/1"]
    assert standard.tried == ["a/1", "a/2", "a/3"]


def test_on_a_fifo_queue_later_messages_of_the_order_go_back_untried(fifo: Bench) -> None:
    fifo.fails["a/2"] = TimeoutError("no answer")
    failed = fifo.handle(record("a", 1), record("a", 2), record("a", 3), record("a", 4))
    assert failed == ["a/2", "a/3", "a/4"]
    assert fifo.tried == ["a/1", "a/2"]


def test_on_a_fifo_queue_later_messages_come_back_when_the_failed_one_does(fifo: Bench) -> None:
    fifo.fails["a/1"] = TimeoutError("no answer")
    fifo.handle(record("a", 1, attempts=3), record("a", 2))
    assert fifo.delay("a/1") == fifo.delay("a/2")


def test_on_a_fifo_queue_other_orders_are_unaffected(fifo: Bench) -> None:
    fifo.fails["a/1"] = TimeoutError("no answer")
    assert fifo.handle(record("a", 1), record("b", 1), record("a", 2), record("b", 2)) == ["a/1", "a/2"]
    assert fifo.tried == ["a/1", "b/1", "b/2"]


# For good


def test_a_permanent_failure_is_buried_at_once_with_its_reason(either: Bench) -> None:
    either.fails["a/1"] = PermanentError("unknown-order", "nobody placed it")
    assert either.handle(record("a", 1)) == []
    (letter,) = either.queue.buried
    assert (letter.reason, letter.detail, letter.type) == ("unknown-order", "nobody placed it", "Asked")
    assert letter.message.body == record("a", 1)["body"]
    assert letter.message.sent == 1769860800000
    assert not either.queue.postponed


def test_after_a_permanent_failure_the_orders_later_messages_are_tried(either: Bench) -> None:
    either.fails["a/1"] = PermanentError("unknown-order", "nobody placed it")
    assert either.handle(record("a", 1), record("a", 2), record("b", 1)) == []
    assert either.tried == ["a/1", "a/2", "b/1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON", "undecodable"),
        ("{}", "not-an-event"),
        (encode(fact(Asked())).replace("Asked", "Told"), "unknown-type"),
        (encode(fact(Asked())).replace('"why?"', "1"), "breaks-contract"),
    ],
)
def test_a_message_that_cannot_be_read_does_not_hurt_its_neighbours(either: Bench, body: str, reason: str) -> None:
    assert either.handle(record("a", 1), record("a", 2, body=body), record("a", 3), record("b", 1)) == []
    assert either.tried == ["a/1", "a/3", "b/1"]
    assert either.buried() == {"a/2": reason}


def test_a_message_nested_without_end_does_not_hurt_its_neighbours(either: Bench) -> None:
    deep = encode(fact(Asked())).replace('"why?"', "[" * 20_000 + "]" * 20_000)
    assert either.handle(record("a", 1, body=deep), record("b", 1)) == []
    assert either.tried == ["b/1"]


def test_a_message_that_cannot_be_read_has_no_type(either: Bench) -> None:
    either.handle(record("a", 1, body="not JSON"))
    assert [letter.type for letter in either.queue.buried] == [None]


def test_a_message_without_a_group_that_cannot_be_read_is_buried(standard: Bench) -> None:
    nameless = record("a", 1, body="not JSON")
    del nameless["attributes"]["MessageGroupId"]
    assert standard.handle(nameless, record("b", 1)) == []
    assert standard.buried() == {"a/1": "undecodable"}


def test_a_long_detail_is_cut_short(either: Bench) -> None:
    either.fails["a/1"] = PermanentError("unknown-order", "x" * 100_000)
    either.handle(record("a", 1))
    assert [len(letter.detail) for letter in either.queue.buried] == [MAX_DETAIL]


# For the last time


def test_a_message_that_fails_for_the_last_time_is_given_up(either: Bench) -> None:
    either.fails["a/1"] = TimeoutError("no answer")
    assert either.handle(record("a", 1, attempts=MAX_RECEIVES - 1)) == ["a/1"]
    assert either.buried() == {}
    assert either.handle(record("a", 1, attempts=MAX_RECEIVES)) == []
    assert either.buried() == {"a/1": "gave-up"}
    assert [letter.detail for letter in either.queue.buried] == ["TimeoutError: no answer"]


def test_when_a_message_is_given_up_its_followers_are_tried_then_and_there(either: Bench) -> None:
    either.fails["a/1"] = TimeoutError("no answer")
    assert either.handle(record("a", 1, attempts=MAX_RECEIVES), record("a", 2, attempts=MAX_RECEIVES)) == []
    assert either.tried == ["a/1", "a/2"]
    assert either.buried() == {"a/1": "gave-up"}


def test_a_message_that_cannot_be_buried_goes_back(either: Bench) -> None:
    either.queue.cannot_bury = True
    either.fails = {"a/1": PermanentError("unknown-order", "nobody placed it"), "b/1": TimeoutError("no answer")}
    assert either.handle(record("a", 1), record("b", 1, attempts=MAX_RECEIVES)) == ["a/1", "b/1"]
    assert sorted(either.queue.postponed) == ["receipt of a/1", "receipt of b/1"]


def test_on_a_fifo_queue_nothing_overtakes_a_message_that_cannot_be_buried(fifo: Bench) -> None:
    fifo.queue.cannot_bury = True
    fifo.fails["a/1"] = PermanentError("unknown-order", "nobody placed it")
    assert fifo.handle(record("a", 1), record("a", 2)) == ["a/1", "a/2"]
    assert fifo.tried == ["a/1"]


def test_a_message_that_cannot_be_postponed_is_still_reported(either: Bench) -> None:
    either.queue.cannot_postpone = True
    either.fails["a/1"] = TimeoutError("no answer")
    assert either.handle(record("a", 1), record("b", 1)) == ["a/1"]


# Postponement


def test_the_postponement_grows_with_each_attempt(either: Bench) -> None:
    delays = []
    either.fails["a/1"] = TimeoutError("no answer")
    for attempts in range(1, MAX_RECEIVES):
        either.handle(record("a", 1, attempts=attempts))
        delays.append(either.delay("a/1"))
    assert delays == sorted(set(delays))
    assert all(delay > 0 for delay in delays)


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_a_postponement_is_at_least_half_and_at_most_the_whole_of_the_backoff(either: Bench, chance: float) -> None:
    either.backoff, either.chance = 10, chance
    either.fails["a/1"] = TimeoutError("no answer")
    either.handle(record("a", 1, attempts=3))
    assert 20 <= either.delay("a/1") <= 40 + 1  # a started second counts


@pytest.mark.parametrize("error", [TimeoutError("no answer"), RetryableError("later", after=100_000)])
def test_a_postponement_is_bounded(either: Bench, error: Exception) -> None:
    either.backoff = 10_000
    either.fails["a/1"] = error
    either.handle(record("a", 1, attempts=4))
    assert either.delay("a/1") == LONGEST_POSTPONEMENT


def test_a_postponement_is_as_long_as_the_error_asks_for(either: Bench) -> None:
    either.fails["a/1"] = RetryableError("later", after=61.5)
    either.handle(record("a", 1))
    assert 61.5 <= either.delay("a/1") <= 63


def test_an_error_cannot_ask_for_less_than_the_backoff(either: Bench) -> None:
    either.backoff = 100
    either.fails["a/1"] = RetryableError("now", after=1)
    either.handle(record("a", 1))
    assert either.delay("a/1") >= 50


# Concurrency


@pytest.fixture
def threads() -> Any:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_different_orders_are_handled_at_once(kind: QueueKind, threads: Executor) -> None:
    bench = Bench(kind, threads)
    together = threading.Barrier(4)

    def meanwhile(_message: str) -> None:
        together.wait(PATIENCE)

    bench.meanwhile = meanwhile
    assert bench.handle(*(record(order, 1) for order in "abcd")) == []
    assert sorted(bench.tried) == ["a/1", "b/1", "c/1", "d/1"]


@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_messages_of_one_order_are_handled_one_after_another(kind: QueueKind, threads: Executor) -> None:
    bench = Bench(kind, threads)
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    together = threading.Barrier(2)

    def meanwhile(message: str) -> None:
        order = message.partition("/")[0]
        busy[order] += 1
        most[order] = max(most[order], busy[order])
        together.wait(PATIENCE)  # with the other order's message of the same number
        busy[order] -= 1

    bench.meanwhile = meanwhile
    assert bench.handle(*(record(order, n) for n in range(1, 6) for order in "ab")) == []
    assert most == {"a": 1, "b": 1}
    assert [message for message in bench.tried if message.startswith("a")] == [f"a/{n}" for n in range(1, 6)]


def test_failures_of_orders_handled_at_once_are_all_reported(threads: Executor) -> None:
    bench = Bench("fifo", threads)
    bench.fails = {f"{order}/1": TimeoutError("no answer") for order in "abcdefgh"}
    failed = bench.handle(*(record(order, n) for n in (1, 2) for order in "abcdefgh"))
    assert sorted(failed) == sorted(f"{order}/{n}" for n in (1, 2) for order in "abcdefgh")


def test_a_consumer_of_every_event_has_it_word_for_word() -> None:
    body = encode(fact(Asked(question="what?"))).replace("{", '{"unheard": 1, ', 1)
    assert any_event(body).data == body


# Time


def test_once_half_of_the_time_is_over_what_was_not_begun_goes_back_at_once(either: Bench) -> None:
    either.meanwhile = lambda message: setattr(either, "now", 11 if message == "a/2" else either.now)
    failed = either.handle(record("a", 1), record("a", 2), record("a", 3), record("b", 1), deadline=20)
    assert failed == ["a/3", "b/1"]
    assert either.tried == ["a/1", "a/2"]
    assert either.delay("a/3") == either.delay("b/1") == 0


def test_a_deadline_that_is_over_from_the_start_keeps_nothing_from_being_tried(either: Bench) -> None:
    either.now = 30
    assert either.handle(record("a", 1), record("b", 1), deadline=20) == []
    assert either.tried == ["a/1", "b/1"]


def test_what_is_there_for_the_last_time_is_tried_however_late_it_is(either: Bench) -> None:
    either.meanwhile = lambda _: setattr(either, "now", 19)
    late = [record(order, 1, attempts=MAX_RECEIVES) for order in "ab"]
    assert either.handle(*late, deadline=20) == []
    assert either.tried == ["a/1", "b/1"]
