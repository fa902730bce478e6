from collections.abc import Callable

import pytest

from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.recovery import Delays, QueueDepth, QueueDrain, RecoveryError
from tidings.testing import NOON

START = from_rfc3339(NOON)
VISIBILITY = 120
Depths = Callable[[int], tuple[int, int]]
"""Returns the waiting and the in-flight messages at a second."""


class Time:
    """A clock that moves a second at each poll, and does not move otherwise."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> int:
        return START + self.seconds * 1000

    def sleep(self, _seconds: float) -> None:
        self.seconds += 1


class Gauge:
    """The readings of a queue whose depth is given for each second."""

    name = "history"

    def __init__(self, time: Time, depths: Depths) -> None:
        self.time = time
        self.depths = depths

    def depth(self) -> QueueDepth:
        return QueueDepth(*self.depths(self.time.seconds))

    def visibility_timeout(self) -> int:
        return VISIBILITY


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    passing = Time()
    monkeypatch.setattr("tidings.recovery.polling.time.sleep", passing.sleep)
    monkeypatch.setattr("tidings.recovery.polling.time.monotonic", lambda: passing.seconds)
    return passing


def drain(time: Time, depths: Depths, *, depth_delay: float = 0, index_delay: float = 0) -> QueueDrain:
    delays = Delays(depth=depth_delay, index=index_delay, filter_policy=0)
    return QueueDrain(Gauge(time, depths), delays, clock=time.now)


def test_an_empty_queue_is_drained_at_once(time: Time) -> None:
    assert drain(time, lambda _at: (0, 0)).wait_until_recorded() == to_rfc3339(START + 1)


def test_everything_is_recorded_when_the_queue_is_empty(time: Time) -> None:
    def depths(at: int) -> tuple[int, int]:
        return (5, 5) if at < 10 else (0, 5) if at < 20 else (0, 0)

    assert drain(time, depths).wait_until_recorded() == to_rfc3339(START + 20_001)


def test_the_delays_of_the_depth_and_of_the_index_are_waited_for(time: Time) -> None:
    end = drain(time, lambda _at: (0, 0), depth_delay=60, index_delay=5).wait_until_recorded()
    assert end == to_rfc3339(START + 60_001)
    assert time.seconds == 66


def test_a_busy_queue_has_drained_one_visibility_timeout_after_no_message_waited(time: Time) -> None:
    def depths(at: int) -> tuple[int, int]:
        return (3, 2 + at % 3) if at < 10 else (at % 2, 2 + at % 3)

    drain(time, depths).wait_until_handled(lambda _depth: None)
    assert time.seconds == 10 + VISIBILITY + 1


def test_a_queue_whose_depth_does_not_change_is_given_up(time: Time) -> None:
    with pytest.raises(RecoveryError, match="history holds 7 events that the log has not recorded"):
        drain(time, lambda _at: (7, 0)).wait_until_recorded()


def test_each_reading_is_reported(time: Time) -> None:
    reported: list[int] = []
    drain(time, lambda at: (2 - at, 0)).wait_until_handled(lambda depth: reported.append(depth.total))
    assert reported == [2, 1, 0]


def test_a_queue_with_a_stopped_consumer_is_idle_though_messages_wait(time: Time) -> None:
    drain(time, lambda at: (9, 0) if at > 3 else (8, 1)).wait_until_idle()
    assert time.seconds == 4
