"""Times as events carry them: RFC 3339 in UTC with milliseconds, which sorts as text."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Returns the current time in milliseconds since 1970-01-01T00:00:00Z."""


def now() -> int:
    """Return the machine's time in milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


def to_rfc3339(millis: int) -> str:
    """Format milliseconds since 1970 as `2026-01-31T08:30:00.123Z`."""
    seconds, fraction = divmod(millis, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{fraction:03d}Z"


def from_rfc3339(text: str) -> int:
    """Parse an RFC 3339 time into milliseconds since 1970.

    Raises:
        ValueError: If the text is not a time, or names no time zone.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    # A float of seconds cannot represent every millisecond exactly.
    return round(parsed.timestamp() * 1000)
