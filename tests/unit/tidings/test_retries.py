from typing import Any

import pytest

from tidings.handling.retries import (
    LAST_TRIES,
    MAX_RETRY_DELAY,
    Failure,
    GiveUp,
    PutBack,
    RetryPolicy,
    TryAgain,
    jittered_pause,
    retry_delay,
)

POLICY = RetryPolicy(receives=5, age=60, wait=3600, backoff=10)
GAVE_UP, WAITED = GiveUp("gave-up"), GiveUp("waited-too-long")


def decide(
    receives: int, age: float, waited: float | None = None, randomness: float = 1.0, **others: Any
) -> TryAgain | PutBack | GiveUp:
    """Decide about a message that was delivered at once, unless the test says how long it waited."""
    failure = Failure(receives, age, age if waited is None else waited, **{"left": 10, **others})
    return POLICY.decide(failure, randomness)


# Giving up


@pytest.mark.parametrize(("receives", "age"), [(4, 100_000), (100, 59.9), (1, 0)])
def test_a_message_that_was_delivered_too_rarely_or_is_too_young_is_put_back(receives: int, age: float) -> None:
    assert decide(receives, age, tries=LAST_TRIES) == PutBack()


def test_a_message_that_may_be_given_up_is_tried_three_times_within_one_invocation() -> None:
    decisions = [decide(5, 60, tries=tries) for tries in (1, 2, 3)]
    assert decisions == [TryAgain(0.4), TryAgain(0.8), GAVE_UP]


@pytest.mark.parametrize("randomness", [0.0, 0.5, 1.0])
def test_half_of_a_pause_is_jitter(randomness: float) -> None:
    assert decide(5, 60, randomness=randomness) == TryAgain(0.4 * (0.5 + randomness / 2))


def test_a_pause_is_at_least_what_the_error_asks_for() -> None:
    assert decide(5, 60, after=3) == TryAgain(3)


def test_a_message_for_whose_tries_the_time_does_not_suffice_is_put_back() -> None:
    assert decide(5, 60, tries=2, left=0.7) == PutBack()


def test_after_the_longest_wait_a_message_is_given_up_without_the_time_for_its_tries() -> None:
    assert decide(5, 3600, tries=1, left=0.1) == GAVE_UP
    assert decide(5, 3600, tries=1, left=-1) == GAVE_UP
    assert decide(5, 3600, tries=1) == TryAgain(0.4)


@pytest.mark.parametrize("waits", [True, False])
def test_a_follower_has_its_last_tries_at_a_later_delivery_if_the_time_does_not_suffice(waits: bool) -> None:
    assert decide(5, 3600, tries=1, left=0.1, follows=True, waits=waits) == PutBack()


def test_a_follower_that_fails_has_as_many_tries_as_any_other_message() -> None:
    assert [decide(5, 60, tries=tries, follows=True) for tries in (1, 2, 3)] == [TryAgain(0.4), TryAgain(0.8), GAVE_UP]


# Waiting


@pytest.mark.parametrize(("receives", "age"), [(1, 0), (5, 60), (99, 3599), (4, 100_000)])
@pytest.mark.parametrize("tries", [1, LAST_TRIES])
def test_a_message_that_waits_is_put_back_and_uses_up_no_try(receives: int, age: float, tries: int) -> None:
    assert decide(receives, age, tries=tries, waits=True) == PutBack()


def test_a_message_that_waited_for_the_longest_time_is_given_up_after_its_last_tries() -> None:
    decisions = [decide(5, 3600, tries=tries, waits=True) for tries in (1, 2, 3)]
    assert decisions == [TryAgain(0.4), TryAgain(0.8), WAITED]


def test_a_message_that_waited_for_the_longest_time_is_given_up_without_the_time_for_its_tries() -> None:
    assert decide(5, 3600, tries=1, waits=True, left=0.3) == WAITED
    assert decide(5, 3600, tries=1, waits=True, left=-1) == WAITED


def test_a_message_waits_from_its_first_delivery() -> None:
    assert decide(5, 100_000, 3599, waits=True, tries=LAST_TRIES) == PutBack()
    assert decide(5, 100_000, 3599, tries=1, left=0.1) == PutBack()


@pytest.mark.parametrize("tries", [1, LAST_TRIES])
def test_a_follower_waits_as_long_as_it_follows(tries: int) -> None:
    assert decide(99, 100_000, tries=tries, waits=True, follows=True) == PutBack()


def test_an_error_that_asks_for_more_time_than_the_invocation_has_is_a_wait() -> None:
    assert decide(5, 60, tries=LAST_TRIES, after=11) == PutBack()
    assert decide(5, 3600, after=11) == WAITED


# Delays


def test_a_retry_delay_doubles_with_each_delivery() -> None:
    assert [retry_delay(10, receives, 0, 1.0) for receives in (1, 2, 3, 4)] == [11, 21, 41, 81]


def test_a_message_may_be_delivered_any_number_of_times() -> None:
    assert retry_delay(0.001, 10_000, 0, 1.0) == MAX_RETRY_DELAY


@pytest.mark.parametrize("randomness", [0.0, 0.3, 0.999, 1.0])
def test_a_retry_delay_is_between_half_of_the_backoff_and_all_of_it(randomness: float) -> None:
    assert 20 <= retry_delay(10, 3, 0, randomness) <= 40 + 1  # a started second counts


def test_a_retry_delay_is_positive() -> None:
    assert retry_delay(0.01, 1, 0, 0.0) == 1


def test_a_retry_delay_is_at_least_what_the_error_asks_for() -> None:
    assert retry_delay(1, 1, 61.5, 0.0) == 62


def test_an_error_cannot_ask_for_less_than_the_backoff() -> None:
    assert retry_delay(100, 1, 1, 0.0) >= 50


@pytest.mark.parametrize(("backoff", "at_least"), [(10_000, 0), (1, 100_000)])
def test_a_retry_delay_is_bounded(backoff: float, at_least: float) -> None:
    assert retry_delay(backoff, 4, at_least, 1.0) == MAX_RETRY_DELAY


def test_a_pause_is_longer_with_each_attempt_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tidings.handling.retries.time.sleep", pauses.append)
    monkeypatch.setattr("tidings.handling.retries._random.uniform", lambda _least, most: most)
    for attempt in (0, 1, 2, 20):
        jittered_pause(attempt)
    assert pauses == [0.005, 0.01, 0.02, 0.2]
