import random
import re
from calendar import monthrange
from collections.abc import Callable

import pytest

from tidings.core.clock import MAX_TIME, TIME_PATTERN, from_rfc3339, now, parse_any_rfc3339, to_rfc3339

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


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T13:00:00.250+01:00",
        "2026-01-31T12:00:00.25Z",
        "20260131T120000.250Z",
        "2026-01-31 12:00:00.250+00:00",
    ],
)
def test_a_time_of_others_may_have_any_form_and_zone(text: str) -> None:
    assert parse_any_rfc3339(text) == from_rfc3339("2026-01-31T12:00:00.250Z")
    with pytest.raises(ValueError, match="is not a time like"):
        from_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-31T12:00:00", "2026-01-31", "noon", "", "2026-02-30T12:00:00.000Z", "1969-12-31T23:59:59.999Z"),
        *("0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-01:00", "9999-12-31T23:59:59.9999Z"),
    ],
)
@pytest.mark.parametrize("parse", [from_rfc3339, parse_any_rfc3339])
def test_a_text_that_is_no_time_is_refused(text: str, parse: Callable[[str], int]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-01-31T12:00:00.000z",
            "2026-01-31t12:00:00.000Z",
            "2026-01-31T24:00:00.000Z",
            "2026-01-31T12:00:60.000Z",
        ),
        *("2026-01-31T12:00:00.000Z\n", " 2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.00\u0660Z"),
    ],
)
def test_a_time_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time like"):
        from_rfc3339(text)


def test_every_day_of_the_calendar_and_no_other_is_a_time() -> None:
    for year in (*range(1960, 2120), 2400, 9996, 9999):
        for month in range(14):
            for day in (0, 1, 9, 10, 19, 20, 28, 29, 30, 31, 32):
                text = f"{year}-{month:02}-{day:02}T00:00:00.000Z"
                exists = year >= 1970 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
                assert (re.search(TIME_PATTERN, text) is not None) == exists, text


def test_the_last_time_is_at_the_end_of_the_year_9999() -> None:
    assert to_rfc3339(MAX_TIME) == "9999-12-31T23:59:59.999Z"
    assert from_rfc3339(to_rfc3339(MAX_TIME)) == MAX_TIME


def test_the_clock_advances() -> None:
    before = now()
    assert now() >= before > from_rfc3339("2026-01-01T00:00:00.000Z")
