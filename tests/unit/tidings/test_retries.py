import pytest

from tidings.handling.retries import MAX_RETRY_DELAY, jittered_pause, retry_delay


def test_a_retry_delay_doubles_with_each_attempt() -> None:
    assert [retry_delay(10, attempts, 0, 1.0) for attempts in (1, 2, 3, 4)] == [11, 21, 41, 81]


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
    monkeypatch.setattr("tidings.handling.retries.random.uniform", lambda _least, most: most)
    for attempt in (0, 1, 2, 20):
        jittered_pause(attempt)
    assert pauses == [0.005, 0.01, 0.02, 0.2]
