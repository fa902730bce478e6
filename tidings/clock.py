"""Time as events tell it: RFC 3339 in UTC with milliseconds, which sorts as text."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Gives the milliseconds since 1970 in UTC."""


def now() -> int:
    """The machine's own time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def rfc3339(millis: int) -> str:
    """Writes milliseconds since 1970 as `2026-01-31T08:30:00.123Z`."""
    seconds, fraction = divmod(millis, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:03d}Z"


def millis(text: str) -> int:
    """Reads what `rfc3339` writes; ValueError where it is not a time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    # Rounded, since a float of seconds cannot hold every millisecond exactly.
    return round(moment.timestamp() * 1000)
