import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidings.core.errors import ThrottledError
from tidings.handling.pace import Pace


class Time:
    """A clock in seconds, on which sleeping is the only thing that takes time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def paced(time: Time, rate: float) -> Pace:
    """Return the pace of a process that has just made a call."""
    pace = Pace(rate, time, time.sleep)
    pace.wait()
    return pace


def test_calls_one_after_another_are_evenly_spaced(time: Time) -> None:
    pace, begun = paced(time, rate=4), time.now
    for n in range(1, 5):
        pace.wait()
        assert time.now == begun + n / 4


def test_a_call_after_a_longer_time_does_not_wait_and_saves_up_nothing(time: Time) -> None:
    pace = paced(time, rate=4)
    time.now += 60
    begun = time.now
    pace.wait()
    assert time.now == begun
    pace.wait()
    assert time.now == begun + 1 / 4


def test_the_first_call_of_a_process_keeps_its_distance_from_the_process_before(time: Time) -> None:
    begun = time.now
    paced(time, rate=4)
    assert time.now == begun + 1 / 4


def test_threads_get_different_slots() -> None:
    sleeps: list[float] = []
    pace = Pace(10, lambda: 0.0, sleeps.append)
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(pace.wait) for _ in range(40)]:
            done.result()
    assert sorted(sleeps) == pytest.approx([n / 10 for n in range(1, 41)])


def test_a_slot_that_is_later_than_the_invocation_can_wait_asks_to_slow_down_and_is_left_to_others(time: Time) -> None:
    pace = paced(time, rate=1 / 5)
    pace.begin(4)
    with pytest.raises(ThrottledError) as caught:
        pace.wait()
    assert caught.value.after == 5
    pace.begin(5)
    begun = time.now
    pace.wait()
    assert time.now == begun + 5


def test_any_second_contains_the_rates_number_of_calls_at_most(rng: random.Random, time: Time) -> None:
    pace, calls = paced(time, rate=7), list[float]()
    for _ in range(500):
        time.now += rng.choice([0, 0, 0.05, 0.4, 3])
        pace.wait()
        calls.append(time.now)
    assert max(sum(begin <= call < begin + 1 - 1e-9 for call in calls) for begin in calls) <= 7
