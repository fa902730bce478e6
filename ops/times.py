"""Times and durations as users write them."""

import re
from datetime import UTC, datetime

import typer

from ops.errors import CommandError
from tidings.core.clock import now, parse_any_rfc3339, to_rfc3339

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")


def parse_time(text: str) -> str:
    """Return a time as events carry it, given a date or time in RFC 3339. A time without a zone is UTC.

    Raises:
        CommandError: If the text is not a time.
    """
    try:
        parsed = datetime.fromisoformat(text)
        zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return to_rfc3339(parse_any_rfc3339(zoned.isoformat()))
    except ValueError as error:
        raise CommandError(f"{text!r} is not a time; write 2026-11-22 or 2026-11-22T01:30:00Z") from error


def parse_since(text: str) -> str:
    """Return the beginning of a period as events carry times, given a time, or a duration before now like `15m`.

    Raises:
        CommandError: If the text is neither.
    """
    if duration := DURATION.fullmatch(text):
        return to_rfc3339(max(0, now() - _seconds(duration) * 1000))
    try:
        return parse_time(text)
    except CommandError as error:
        raise CommandError(f"{error}, or a duration before now like 15m, 2h or 3d") from error


def parse_duration(text: str) -> int:
    """Return the seconds of a duration like `90s`, `30m`, `2h` or `1d`.

    Raises:
        typer.BadParameter: If the text is not a duration.
    """
    found = DURATION.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not a duration like 90s, 30m, 2h or 1d")
    return _seconds(found)


def _seconds(found: re.Match[str]) -> int:
    return int(found[1]) * SECONDS[found[2]]


def format_age(milliseconds: int) -> str:
    """Format a duration in its two largest units: `3 d 4 h`, `12 min`."""
    seconds = max(0, milliseconds // 1000)
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"
