import random

import pytest

from tidings.core.clock import from_rfc3339, now, to_rfc3339

YEAR_2100 = 4_102_444_800_000


def test_a_time_is_formatted_in_utc_with_milliseconds() -> None:
    assert to_rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert to_rfc3339(1_000_000_000_007) == "2001-09-09T01:46:40.007Z"


def test_every_millisecond_is_parsed_as_it_was_formatted(rng: random.Random) -> None:
    for _ in range(20_000):
        time = rng.randrange(YEAR_2100)
        assert from_rfc3339(to_rfc3339(time)) == time


def test_formatted_times_sort_like_the_times(rng: random.Random) -> None:
    texts = [to_rfc3339(time) for time in sorted(rng.randrange(YEAR_2100) for _ in range(1000))]
    assert texts == sorted(texts)


def test_a_time_in_another_zone_is_the_same_time() -> None:
    assert from_rfc3339("2026-01-31T13:00:00.250+01:00") == from_rfc3339("2026-01-31T12:00:00.250Z")


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "2026-01-31", "noon", "", "2026-02-30T12:00:00Z"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_rfc3339(text)


def test_the_clock_advances() -> None:
    before = now()
    assert now() >= before > from_rfc3339("2026-01-01T00:00:00Z")
