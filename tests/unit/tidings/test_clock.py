import random

import pytest

from tidings import clock


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert clock.rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert clock.rfc3339(1_000_000_000_007) == "2001-09-09T01:46:40.007Z"


def test_every_millisecond_is_read_as_it_was_written(chance: random.Random) -> None:
    for _ in range(20_000):
        moment = chance.randrange(4_102_444_800_000)  # the year 2100
        assert clock.millis(clock.rfc3339(moment)) == moment


def test_written_times_sort_as_they_passed(chance: random.Random) -> None:
    moments = sorted(chance.randrange(4_102_444_800_000) for _ in range(1000))
    written = [clock.rfc3339(moment) for moment in moments]
    assert written == sorted(written)


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    assert clock.millis("2026-01-31T13:00:00.250+01:00") == clock.millis("2026-01-31T12:00:00.250Z")


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "2026-01-31", "noon", "", "2026-02-30T12:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        clock.millis(text)


def test_the_clock_moves_on() -> None:
    before = clock.now()
    assert clock.now() >= before > clock.millis("2026-01-01T00:00:00Z")
