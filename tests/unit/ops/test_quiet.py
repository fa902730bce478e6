from collections.abc import Callable
from typing import Any

import pytest

from ops.failure import Failure
from ops.quiet import Delays, Quiet
from tests.unit.facts import NOON_MILLIS
from tidings.clock import rfc3339

QUEUE = "https://queue.example/history"
VISIBILITY = 120


class Time:
    """Time that passes only while somebody waits: a second at each look."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> int:
        return NOON_MILLIS + self.seconds * 1000

    def pass_by(self, _seconds: float) -> None:
        self.seconds += 1


class Sqs:
    """A queue whose counts are told by the second: (waiting, hidden)."""

    def __init__(self, time: Time, counts: Callable[[int], tuple[int, int]]) -> None:
        self.time = time
        self.counts = counts

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        shown, hidden = self.counts(self.time.seconds)
        numbers = {"": shown, "Delayed": 0, "NotVisible": hidden}
        attributes = {f"ApproximateNumberOfMessages{name}": str(number) for name, number in numbers.items()}
        return {"Attributes": attributes | {"VisibilityTimeout": str(VISIBILITY)}}


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    passing = Time()
    monkeypatch.setattr("ops.waiting.time.sleep", passing.pass_by)
    monkeypatch.setattr("ops.waiting.time.monotonic", lambda: passing.seconds)
    return passing


def quiet(time: Time, counts: Callable[[int], tuple[int, int]], *, seen: float = 0, index: float = 0) -> Quiet:
    sqs: Any = Sqs(time, counts)
    return Quiet(sqs, Delays(counts=seen, index=index, policy=0), clock=time.now)


def test_an_empty_queue_is_not_waited_for(time: Time) -> None:
    assert quiet(time, lambda _at: (0, 0)).until_recorded(QUEUE) == rfc3339(NOON_MILLIS + 1)


def test_the_end_is_when_all_was_recorded(time: Time) -> None:
    def counts(at: int) -> tuple[int, int]:
        return (5, 5) if at < 10 else (0, 5) if at < 20 else (0, 0)

    assert quiet(time, counts).until_recorded(QUEUE) == rfc3339(NOON_MILLIS + 20_001)


def test_what_a_queue_tells_at_first_is_not_believed_and_the_index_is_waited_for(time: Time) -> None:
    end = quiet(time, lambda _at: (0, 0), seen=60, index=5).until_recorded(QUEUE)
    assert end == rfc3339(NOON_MILLIS + 60_001)
    assert time.seconds == 66


def test_a_busy_queue_is_dealt_with_when_what_was_in_hands_must_have_ended(time: Time) -> None:
    def counts(at: int) -> tuple[int, int]:
        return (3, 2 + at % 3) if at < 10 else (at % 2, 2 + at % 3)

    quiet(time, counts).until_handled(QUEUE, lambda _said: None)
    assert time.seconds == 10 + VISIBILITY + 1


def test_a_queue_where_nothing_moves_is_not_waited_for_without_end(time: Time) -> None:
    with pytest.raises(Failure, match="holds 7 events that history has not recorded yet, and nothing moves"):
        quiet(time, lambda _at: (7, 0)).until_recorded(QUEUE)


def test_what_is_left_to_handle_is_told(time: Time) -> None:
    said: list[str] = []
    quiet(time, lambda at: (2 - at, 0)).until_handled(QUEUE, said.append)
    assert said == ["2 messages", "1 messages", "0 messages"]


def test_a_stopped_consumers_hands_are_empty_though_messages_wait(time: Time) -> None:
    quiet(time, lambda at: (9, 0) if at > 3 else (8, 1)).until_unhandled(QUEUE)
    assert time.seconds == 4
