"""Times as an operator writes them."""

from datetime import UTC, datetime

from ops.failure import Failure
from tidings.clock import rfc3339


def moment_of(text: str) -> str:
    """A time as events tell it, of a date or time as RFC 3339 has it; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f"{text!r} is no time; write 2026-11-22 or 2026-11-22T01:30:00Z") from error
    zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
    return rfc3339(round(zoned.timestamp() * 1000))
