"""The text about messages that cannot be sent."""

from collections.abc import Iterable
from itertools import islice

MAX_NAMED = 20
"""Maximum number of messages that an error names."""


def name_refused(refused: Iterable[tuple[str, str]]) -> str:
    """Return the first messages by id, each with its reason: `a: oversized; b: undecodable; and 3 more`."""
    ordered = sorted(refused)
    named = [f"{name}: {reason}" for name, reason in islice(ordered, MAX_NAMED)]
    more = [f"and {len(ordered) - MAX_NAMED:,} more"] if len(ordered) > MAX_NAMED else []
    return "; ".join([*named, *more])
