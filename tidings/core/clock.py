"""Times as events carry them: RFC 3339 in UTC with milliseconds, which sorts as text."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Returns the current time in milliseconds since 1970-01-01T00:00:00Z."""

MAX_TIME = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_YEAR = r"(19[7-9][0-9]|[2-9][0-9]{3})"
_DAY = r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_LEAP_YEAR = r"(19(7[26]|8[048]|9[26])|[2-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[3579][26])00)"

_DATE = rf"({_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"

DATE_PATTERN = rf"^{_DATE}\Z"
"""The only form of a day, as `2026-01-31`. It matches the days from 1970 to 9999 and nothing else."""

TIME_PATTERN = rf"^{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}Z\Z"
"""The only form of a time in an event. It matches the milliseconds from 1970 to 9999 and nothing else."""

_canonical = re.compile(TIME_PATTERN)


def now() -> int:
    """Return the machine's time in milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


def to_rfc3339(millis: int) -> str:
    """Format milliseconds since 1970 as `2026-01-31T08:30:00.123Z`."""
    seconds, fraction = divmod(millis, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{fraction:03d}Z"


def from_rfc3339(text: str) -> int:
    """Parse a time in the form of `to_rfc3339` into milliseconds since 1970.

    Raises:
        ValueError: If the text is not a time, or a time in another form.
    """
    if not _canonical.search(text):
        raise ValueError(f"{text[:64]!r} is not a time like 2026-01-31T08:30:00.123Z")
    return parse_any_rfc3339(text)


def parse_any_rfc3339(text: str) -> int:
    """Parse a time that another system or a user wrote, in any form and zone, into milliseconds since 1970.

    Raises:
        ValueError: If the text is not a time, names no time zone, or is before 1970 or after 9999.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    # A float of seconds cannot represent every millisecond exactly.
    millis = round(parsed.timestamp() * 1000)
    if not 0 <= millis <= MAX_TIME:
        raise ValueError(f"{text[:64]!r} is not between 1970 and 9999")
    return millis
