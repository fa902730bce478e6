import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.tidings.example import Asked, Known, answers
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.errors import ContentionError, PermanentError, RetryableError, ThrottledError, UntriedError
from tidings.core.event import Event, encode
from tidings.core.service import QueueKind
from tidings.handling.executor import Handle
from tidings.handling.retries import MAX_RETRY_DELAY, RetryPolicy
from tidings.messaging.consumer import MAX_DETAIL, Consumer, parse_any, parse_typed
from tidings.testing import (
    NOON,
    SUBJECT,
    InlineExecutor,
    MemoryQueue,
    VirtualClock,
    fails,
    given,
    make_event,
    make_record,
)

OFTEN = 5
AGE = 60
WAIT = 3600
PATIENCE = 10
"""Maximum number of seconds that a test with threads waits for something that must happen at once."""

NO_ANSWER = TimeoutError("no answer")
TOO_MANY_REQUESTS = ThrottledError("too many requests")


def record(
    entity: str,
    number: int,
    *,
    receives: int = 1,
    age: float = 0,
    waited: float | None = None,
    body: str | None = None,
) -> dict[str, Any]:
    """A record of Lambda's SQS event. Its message id is `<entity>/<number>`.

    It was sent `age` seconds ago, and first delivered `waited` seconds ago; None means when it was sent.
    """
    event = make_event(Asked(), subject=entity, number=number)
    return make_record(
        encode(event) if body is None else body,
        message_id=f"{entity}/{number}",
        receives=receives,
        group=entity,
        sent=ago(age),
        first_received=ago(age if waited is None else waited),
    )


def ago(seconds: float) -> str:
    return to_rfc3339(from_rfc3339(NOON) - round(seconds * 1000))


def last(entity: str, number: int) -> dict[str, Any]:
    """A record that may be given up: it was delivered often enough, and is old enough."""
    return record(entity, number, receives=OFTEN, age=AGE)


class StubHandlers:
    """An executor whose handlers fail as a test says, and that records which messages were tried.

    Attributes:
        handled: The tries, as message ids.
        deadlines: The deadlines of the tries.
        errors: The error of every try of a message.
        passing: The errors of a message's first tries.
        meanwhile: Called at the beginning of each try.
    """

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.deadlines: set[int] = set()
        self.errors: dict[str, Exception] = {}
        self.passing: dict[str, list[Exception]] = {}
        self.meanwhile: Callable[[str], object] = lambda _: None

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        pass

    def open_entity(self, key: str) -> Handle:
        def handle(event: Event[Any], deadline: int) -> None:
            assert event.subject == key
            message = f"{key}/{event.number}"
            self.meanwhile(message)
            self.handled.append(message)
            self.deadlines.add(deadline)
            if self.passing.get(message):
                raise self.passing[message].pop(0)
            if message in self.errors:
                raise self.errors[message]

        return handle


class ConsumerOver:
    """A consumer over a queue in memory and stub handlers."""

    def __init__(self, kind: QueueKind, threads: Executor | None = None) -> None:
        self.queue = MemoryQueue()
        self.handlers = StubHandlers()
        self.clock = VirtualClock()
        self.backoff = 2.0
        self.pauses: list[float] = []
        self.counts: list[Mapping[str, int]] = []
        self.is_throttled: Callable[[Exception], bool] = lambda _: False
        self._kind: QueueKind = kind
        self._threads = threads or InlineExecutor()

    def handle(self, *records: dict[str, Any], deadline: int = 0) -> list[str]:
        """Handle records, and return the ids of the messages that failed."""
        consumer = Consumer(
            queue=self.queue,
            kind=self._kind,
            parse=parse_typed([Asked]),
            executor=self.handlers,
            threads=self._threads,
            policy=RetryPolicy(OFTEN, AGE, WAIT, self.backoff),
            is_throttled=self.is_throttled,
            randomness=lambda: 1.0,
            clock=self.clock,
            sleep=self._sleep,
            count=self.counts.append,
        )
        answer = consumer.handle(records, deadline)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(milliseconds=round(seconds * 1000))

    def dead_letters(self) -> dict[str, str]:
        """The reasons of the dead letters, by message id."""
        return {letter.message.id: letter.reason for letter in self.queue.dead_letters}


@pytest.fixture
def standard() -> ConsumerOver:
    return ConsumerOver("standard")


@pytest.fixture
def fifo() -> ConsumerOver:
    return ConsumerOver("fifo")


@pytest.fixture(params=["standard", "fifo"])
def either(request: pytest.FixtureRequest) -> ConsumerOver:
    return ConsumerOver(request.param)


# Failures


def test_a_batch_without_failures_reports_none(either: ConsumerOver) -> None:
    assert either.handle(record("a", 1), record("a", 2), record("b", 1), deadline=7) == []
    assert sorted(either.handlers.handled) == ["a/1", "a/2", "b/1"]
    assert either.handlers.deadlines == {7}
    assert not either.queue.delays


def test_an_empty_batch_is_handled(either: ConsumerOver) -> None:
    assert either.handle() == []


def test_a_failed_message_is_reported_alone(either: ConsumerOver) -> None:
    either.handlers.errors["b/1"] = NO_ANSWER
    assert either.handle(record("a", 1), record("b", 1), record("c", 1)) == ["b/1"]
    assert list(either.queue.delays) == ["b/1"]
    assert either.handlers.handled == ["a/1", "b/1", "c/1"]


def test_on_a_standard_queue_the_entitys_later_messages_are_handled_anyway(standard: ConsumerOver) -> None:
    standard.handlers.errors["a/1"] = NO_ANSWER
    assert standard.handle(record("a", 1), record("a", 2), record("a", 3)) == ["a/1"]
    assert standard.handlers.handled == ["a/1", "a/2", "a/3"]


def test_on_a_fifo_queue_the_entitys_later_messages_are_retried_untried(fifo: ConsumerOver) -> None:
    fifo.handlers.errors["a/2"] = NO_ANSWER
    failed = fifo.handle(record("a", 1), record("a", 2), record("a", 3), record("a", 4))
    assert failed == ["a/2", "a/3", "a/4"]
    assert fifo.handlers.handled == ["a/1", "a/2"]


def test_on_a_fifo_queue_later_messages_are_retried_with_the_failed_one(fifo: ConsumerOver) -> None:
    fifo.handlers.errors["a/1"] = NO_ANSWER
    fifo.handle(record("a", 1, receives=3), record("a", 2))
    assert fifo.queue.delays["a/1"] == fifo.queue.delays["a/2"]


def test_on_a_fifo_queue_other_entities_are_unaffected(fifo: ConsumerOver) -> None:
    fifo.handlers.errors["a/1"] = NO_ANSWER
    assert fifo.handle(record("a", 1), record("b", 1), record("a", 2), record("b", 2)) == ["a/1", "a/2"]
    assert fifo.handlers.handled == ["a/1", "b/1", "b/2"]


# Permanent failures


def test_a_permanent_failure_is_dead_lettered_at_once_with_its_reason(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = PermanentError("unknown-entity", "nobody created it")
    assert either.handle(record("a", 1)) == []
    (letter,) = either.queue.dead_letters
    assert (letter.reason, letter.detail, letter.type) == ("unknown-entity", "nobody created it", "Asked")
    assert letter.message.body == record("a", 1)["body"]
    assert letter.message.sent == make_event(Asked()).millis
    assert not either.queue.delays


def test_after_a_permanent_failure_the_entitys_later_messages_are_handled(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = PermanentError("unknown-entity", "nobody created it")
    assert either.handle(record("a", 1), record("a", 2), record("b", 1)) == []
    assert either.handlers.handled == ["a/1", "a/2", "b/1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON", "undecodable"),
        ("{}", "not-an-event"),
        (encode(make_event(Asked())).replace("Asked", "Told"), "unknown-type"),
        (encode(make_event(Asked())).replace('"why?"', "1"), "breaks-contract"),
        (encode(make_event(Asked(), subject="#shelf#a1")), "not-an-event"),
    ],
)
def test_an_unreadable_message_does_not_hurt_its_neighbours(either: ConsumerOver, body: str, reason: str) -> None:
    assert either.handle(record("a", 1), record("a", 2, body=body), record("a", 3), record("b", 1)) == []
    assert either.handlers.handled == ["a/1", "a/3", "b/1"]
    assert either.dead_letters() == {"a/2": reason}


def test_a_deeply_nested_message_does_not_hurt_its_neighbours(either: ConsumerOver) -> None:
    deep = encode(make_event(Asked())).replace('"why?"', "[" * 20_000 + "]" * 20_000)
    assert either.handle(record("a", 1, body=deep), record("b", 1)) == []
    assert either.handlers.handled == ["b/1"]


def test_the_dead_letter_of_an_unreadable_message_has_no_type(either: ConsumerOver) -> None:
    either.handle(record("a", 1, body="not JSON"))
    assert [letter.type for letter in either.queue.dead_letters] == [None]


def test_an_unreadable_message_without_a_group_is_dead_lettered(standard: ConsumerOver) -> None:
    assert standard.handle(make_record("not JSON", message_id="a/1"), record("b", 1)) == []
    assert standard.dead_letters() == {"a/1": "undecodable"}


def test_a_long_detail_is_cut(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = PermanentError("unknown-entity", "x" * 100_000)
    either.handle(record("a", 1))
    assert [len(letter.detail) for letter in either.queue.dead_letters] == [MAX_DETAIL]


# Giving up


def test_a_message_that_was_delivered_often_enough_and_is_old_enough_is_given_up_after_three_tries(
    either: ConsumerOver,
) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    assert either.handle(last("a", 1)) == []
    assert either.handlers.handled == ["a/1"] * 3
    assert either.pauses == [0.4, 0.8]
    assert either.dead_letters() == {"a/1": "gave-up"}
    (letter,) = either.queue.dead_letters
    assert re.fullmatch(rf"TimeoutError at {__name__}:[0-9]+", letter.detail)


@pytest.mark.parametrize(("receives", "age"), [(OFTEN - 1, WAIT), (100, AGE - 1)])
def test_a_message_that_was_delivered_too_rarely_or_is_too_young_is_tried_once_and_retried(
    either: ConsumerOver, receives: int, age: int
) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    assert either.handle(record("a", 1, receives=receives, age=age)) == ["a/1"]
    assert either.handlers.handled == ["a/1"]
    assert either.dead_letters() == {}


def test_one_of_the_last_tries_is_enough(either: ConsumerOver) -> None:
    either.handlers.passing["a/1"] = [NO_ANSWER, NO_ANSWER]
    assert either.handle(last("a", 1)) == []
    assert either.handlers.handled == ["a/1"] * 3
    assert either.dead_letters() == {}


def test_after_a_message_was_given_up_the_entitys_later_messages_are_handled_at_once(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    assert either.handle(last("a", 1), last("a", 2)) == []
    assert either.handlers.handled == ["a/1"] * 3 + ["a/2"]
    assert either.dead_letters() == {"a/1": "gave-up"}


def test_a_follower_that_was_returned_untried_has_all_its_tries(fifo: ConsumerOver) -> None:
    fifo.handlers.passing = {"a/1": [NO_ANSWER] * (OFTEN - 1), "a/2": [NO_ANSWER]}
    for receives in range(1, OFTEN):
        assert fifo.handle(record("a", 1, receives=receives), record("a", 2, receives=receives)) == ["a/1", "a/2"]
    assert fifo.handlers.handled == ["a/1"] * (OFTEN - 1)
    assert fifo.handle(last("a", 1), last("a", 2)) == []
    assert fifo.handlers.handled[OFTEN - 1 :] == ["a/1", "a/2", "a/2"]
    assert fifo.dead_letters() == {}


def test_last_tries_for_which_the_time_does_not_suffice_are_made_at_a_later_delivery(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    either.handlers.meanwhile = lambda _: either.clock.advance(seconds=4)
    assert either.handle(last("a", 1), deadline=either.clock.now + 16_000) == ["a/1"]
    assert either.dead_letters() == {}
    either.handlers.meanwhile = lambda _: None
    assert either.handle(last("a", 1), deadline=either.clock.now + 16_000) == []
    assert either.dead_letters() == {"a/1": "gave-up"}


def test_after_the_longest_wait_a_message_is_given_up_although_the_time_does_not_suffice(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    either.handlers.meanwhile = lambda _: either.clock.advance(seconds=9)
    assert either.handle(record("a", 1, receives=OFTEN, age=WAIT), deadline=either.clock.now + 16_000) == []
    assert either.handlers.handled == ["a/1"]
    assert either.dead_letters() == {"a/1": "gave-up"}


# Waiting


NEWER_VERSION = encode(make_event(Asked(), subject="a", number=2)).replace("Asked:1", "Asked:2")


def test_an_event_of_a_newer_version_waits_and_uses_up_no_try(either: ConsumerOver) -> None:
    for receives in (1, 99):
        newer = record("a", 2, body=NEWER_VERSION, receives=receives, age=WAIT - 1)
        assert either.handle(newer, record("b", 1)) == ["a/2"]
    assert either.dead_letters() == {}
    assert either.counts == [{"MessagesWaiting": 1}] * 2
    assert either.handle(record("a", 2, body=NEWER_VERSION, receives=OFTEN, age=WAIT)) == []
    assert either.dead_letters() == {"a/2": "waited-too-long"}
    assert [letter.type for letter in either.queue.dead_letters] == ["Asked"]


def test_on_a_fifo_queue_later_messages_of_the_entity_wait_behind_an_event_of_a_newer_version(
    fifo: ConsumerOver,
) -> None:
    messages = [record("a", 1), record("a", 2, body=NEWER_VERSION), record("a", 3)]
    assert fifo.handle(*messages) == ["a/2", "a/3"]
    assert fifo.handlers.handled == ["a/1"]


def chained(cause: Exception) -> Exception:
    """Return an error that this one caused, two errors later."""
    try:
        try:
            raise RetryableError("the effect failed") from cause
        except RetryableError:
            raise ValueError("while it was handled")  # noqa: B904 - the context is the point
    except ValueError as error:
        return error


WAITS = [
    TOO_MANY_REQUESTS,
    chained(TOO_MANY_REQUESTS),
    UntriedError("another delivery is in progress", after=30),
    ContentionError("others were first"),
    RetryableError("come back later", after=11),
]


@pytest.mark.parametrize("error", WAITS, ids=str)
def test_an_error_that_asks_to_wait_uses_up_no_try(either: ConsumerOver, error: Exception) -> None:
    either.handlers.errors["a/1"] = error
    for receives in (OFTEN, 99):
        old = record("a", 1, receives=receives, age=WAIT - 1)
        assert either.handle(old, deadline=either.clock.now + 20_000) == ["a/1"]
    assert either.handlers.handled == ["a/1"] * 2
    assert either.dead_letters() == {}


@pytest.mark.parametrize("error", WAITS, ids=str)
def test_a_message_that_waits_is_dead_lettered_after_the_longest_wait_with_its_own_reason(
    either: ConsumerOver, error: Exception
) -> None:
    either.handlers.errors["a/1"] = error
    old = record("a", 1, receives=OFTEN, age=WAIT)
    assert either.handle(old, deadline=either.clock.now + 20_000) == []
    assert either.dead_letters() == {"a/1": "waited-too-long"}


def test_each_message_that_waits_is_counted_and_no_other(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = TOO_MANY_REQUESTS
    either.handlers.errors["b/1"] = NO_ANSWER
    assert either.handle(record("a", 1), record("b", 1), record("c", 1)) == ["a/1", "b/1"]
    assert either.counts == [{"MessagesWaiting": 1}]


def test_a_message_that_lay_in_its_queue_for_hours_is_not_given_up_at_its_first_deliveries(
    either: ConsumerOver,
) -> None:
    either.handlers.errors["a/1"] = TOO_MANY_REQUESTS
    assert either.handle(record("a", 1, receives=OFTEN - 1, age=10 * WAIT)) == ["a/1"]
    assert either.handle(record("a", 1, receives=99, age=10 * WAIT, waited=WAIT - 1)) == ["a/1"]
    assert either.dead_letters() == {}


def test_a_message_that_was_throttled_at_the_end_of_the_longest_wait_is_tried_again(either: ConsumerOver) -> None:
    either.handlers.passing["a/1"] = [TOO_MANY_REQUESTS, TOO_MANY_REQUESTS]
    assert either.handle(record("a", 1, receives=OFTEN, age=WAIT)) == []
    assert either.handlers.handled == ["a/1"] * 3
    assert either.pauses == [0.4, 0.8]
    assert (either.dead_letters(), either.counts) == ({}, [])


def test_on_a_fifo_queue_the_followers_of_a_message_that_waited_too_long_are_not_given_up_with_it(
    fifo: ConsumerOver,
) -> None:
    for number in (1, 2, 3):
        fifo.handlers.errors[f"a/{number}"] = TOO_MANY_REQUESTS
    old = [record("a", number, receives=OFTEN, age=WAIT) for number in (1, 2, 3)]
    assert fifo.handle(*old) == ["a/2", "a/3"]
    assert fifo.handlers.handled == ["a/1"] * 3 + ["a/2"]
    assert fifo.dead_letters() == {"a/1": "waited-too-long"}
    assert fifo.handle(*old[1:]) == ["a/3"]
    assert fifo.dead_letters() == dict.fromkeys(["a/1", "a/2"], "waited-too-long")


def test_on_a_standard_queue_the_waits_of_an_entitys_messages_are_their_own(standard: ConsumerOver) -> None:
    for number in (1, 2):
        standard.handlers.errors[f"a/{number}"] = TOO_MANY_REQUESTS
    assert standard.handle(*(record("a", number, receives=OFTEN, age=WAIT) for number in (1, 2))) == []
    assert standard.dead_letters() == dict.fromkeys(["a/1", "a/2"], "waited-too-long")


def test_a_message_that_is_throttled_during_its_last_tries_waits(either: ConsumerOver) -> None:
    either.handlers.passing["a/1"] = [NO_ANSWER, NO_ANSWER, TOO_MANY_REQUESTS]
    assert either.handle(last("a", 1)) == ["a/1"]
    assert either.dead_letters() == {}


def test_an_adapters_own_error_may_ask_to_slow_down(either: ConsumerOver) -> None:
    either.is_throttled = lambda error: error is NO_ANSWER
    either.handlers.errors["a/1"] = NO_ANSWER
    assert either.handle(last("a", 1)) == ["a/1"]
    assert either.handlers.handled == ["a/1"]


def test_no_other_delivery_of_a_message_begins_while_its_effect_is_reserved(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = RetryableError("no answer", reserved=61.5)
    either.handle(record("a", 1))
    assert 61.5 <= either.queue.delays["a/1"] <= 63


def test_a_message_whose_effect_is_reserved_gets_its_last_tries(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = RetryableError("no answer", reserved=61.5)
    assert either.handle(last("a", 1), deadline=either.clock.now + 20_000) == []
    assert either.dead_letters() == {"a/1": "gave-up"}


# Dead letters that are refused


def test_a_message_that_cannot_be_dead_lettered_is_retried(either: ConsumerOver) -> None:
    either.queue.dead_letter_faults.always(fails(NO_ANSWER))
    either.handlers.errors = {"a/1": PermanentError("unknown-entity", "nobody created it"), "b/1": NO_ANSWER}
    assert either.handle(record("a", 1), last("b", 1)) == ["a/1", "b/1"]
    assert sorted(either.queue.delays) == ["a/1", "b/1"]


def test_on_a_fifo_queue_no_message_overtakes_one_that_cannot_be_dead_lettered(fifo: ConsumerOver) -> None:
    fifo.queue.dead_letter_faults.always(fails(NO_ANSWER))
    fifo.handlers.errors["a/1"] = PermanentError("unknown-entity", "nobody created it")
    assert fifo.handle(record("a", 1), record("a", 2)) == ["a/1", "a/2"]
    assert fifo.handlers.handled == ["a/1"]


def test_a_message_whose_retry_delay_cannot_be_set_is_reported_anyway(either: ConsumerOver) -> None:
    either.queue.retry_later_faults.always(fails(NO_ANSWER))
    either.handlers.errors["a/1"] = NO_ANSWER
    assert either.handle(record("a", 1), record("b", 1)) == ["a/1"]


# Retry delays


def test_the_retry_delay_grows_with_each_delivery(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = NO_ANSWER
    delays = []
    for receives in range(1, OFTEN):
        either.handle(record("a", 1, receives=receives))
        delays.append(either.queue.delays["a/1"])
    assert delays == sorted(set(delays))
    assert all(delay > 0 for delay in delays)


@pytest.mark.parametrize("error", [NO_ANSWER, RetryableError("later", after=100_000)])
def test_the_retry_delay_is_bounded(either: ConsumerOver, error: Exception) -> None:
    either.backoff = 10_000
    either.handlers.errors["a/1"] = error
    either.handle(record("a", 1, receives=4))
    assert either.queue.delays["a/1"] == MAX_RETRY_DELAY


def test_the_retry_delay_is_at_least_what_the_error_asks_for(either: ConsumerOver) -> None:
    either.handlers.errors["a/1"] = RetryableError("later", after=61.5)
    either.handle(record("a", 1))
    assert 61.5 <= either.queue.delays["a/1"] <= 63


# Concurrency


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_different_entities_are_handled_in_parallel(kind: QueueKind, threads: Executor) -> None:
    consumer = ConsumerOver(kind, threads)
    together = threading.Barrier(4)
    consumer.handlers.meanwhile = lambda _message: together.wait(PATIENCE)
    assert consumer.handle(*(record(entity, 1) for entity in "abcd")) == []
    assert sorted(consumer.handlers.handled) == ["a/1", "b/1", "c/1", "d/1"]


@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_messages_of_one_entity_are_handled_one_after_another(kind: QueueKind, threads: Executor) -> None:
    consumer = ConsumerOver(kind, threads)
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    together = threading.Barrier(2)

    def meanwhile(message: str) -> None:
        entity = message.partition("/")[0]
        busy[entity] += 1
        most[entity] = max(most[entity], busy[entity])
        together.wait(PATIENCE)  # with the other entity's message of the same number
        busy[entity] -= 1

    consumer.handlers.meanwhile = meanwhile
    assert consumer.handle(*(record(entity, n) for n in range(1, 6) for entity in "ab")) == []
    assert most == {"a": 1, "b": 1}
    handled = consumer.handlers.handled
    assert [message for message in handled if message.startswith("a")] == [f"a/{n}" for n in range(1, 6)]


def test_failures_of_entities_handled_in_parallel_are_all_reported(threads: Executor) -> None:
    consumer = ConsumerOver("fifo", threads)
    consumer.handlers.errors = {f"{entity}/1": NO_ANSWER for entity in "abcdefgh"}
    failed = consumer.handle(*(record(entity, n) for n in (1, 2) for entity in "abcdefgh"))
    assert sorted(failed) == sorted(f"{entity}/{n}" for n in (1, 2) for entity in "abcdefgh")


def test_a_consumer_of_every_event_receives_it_word_for_word() -> None:
    body = encode(make_event(Asked(question="what?"))).replace("{", '{"unheard": 1, ', 1)
    assert parse_any(body).data == body


# Time


def test_after_half_of_the_time_the_remaining_messages_are_retried_at_once(either: ConsumerOver) -> None:
    def meanwhile(message: str) -> None:
        if message == "a/2":
            either.clock.advance(milliseconds=11)

    either.handlers.meanwhile = meanwhile
    deadline = either.clock.now + 20
    failed = either.handle(record("a", 1), record("a", 2), record("a", 3), record("b", 1), deadline=deadline)
    assert failed == ["a/3", "b/1"]
    assert either.handlers.handled == ["a/1", "a/2"]
    assert either.queue.delays["a/3"] == either.queue.delays["b/1"] == 0


def test_messages_are_handled_although_the_deadline_was_over_from_the_start(either: ConsumerOver) -> None:
    assert either.handle(record("a", 1), record("b", 1), deadline=either.clock.now - 10) == []
    assert either.handlers.handled == ["a/1", "b/1"]


def test_a_message_that_is_not_begun_for_lack_of_time_is_put_back_however_often_it_was_delivered(
    either: ConsumerOver,
) -> None:
    either.handlers.meanwhile = lambda _: either.clock.advance(seconds=19)
    late = record("b", 1, receives=99, age=10 * WAIT)
    assert either.handle(last("a", 1), late, deadline=either.clock.now + 20_000) == ["b/1"]
    assert either.handlers.handled == ["a/1"]
    assert either.queue.delays == {"b/1": 0}
    assert either.dead_letters() == {}


def test_a_message_whose_group_is_no_entitys_key_does_not_hurt_its_neighbours() -> None:
    outcome = given(answers()).when_batch(make_event(Asked(question="one")), "#no event")
    assert outcome.scenario.state(SUBJECT) == Known(("one",))
    assert [letter.reason for letter in outcome.dead_letters] == ["undecodable"]


def test_an_event_of_another_parser_whose_subject_is_no_entitys_key_is_dead_lettered_alone() -> None:
    def parse(body: str) -> Event[Any]:
        return make_event(Asked(question=body), subject="#shelf" if body == "bad" else SUBJECT)

    outcome = given(answers(), parse=parse).when_batch("good", "bad")
    assert outcome.scenario.state(SUBJECT) == Known(("good",))
    assert [letter.reason for letter in outcome.dead_letters] == ["not-an-event"]
