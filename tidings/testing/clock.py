"""A clock that stands still until a test moves it."""

from tidings.core.clock import from_rfc3339

NOON = "2026-01-31T12:00:00.000Z"
"""The time at which a virtual clock starts, and the time of test events."""


class VirtualClock:
    """A clock in milliseconds since 1970, which a test moves.

    Attributes:
        now: The current time.
    """

    __slots__ = ("now",)

    def __init__(self, now: int = from_rfc3339(NOON)) -> None:
        """Create a clock that shows a time, in milliseconds since 1970."""
        self.now = now

    def __call__(self) -> int:
        """Return the current time in milliseconds since 1970."""
        return self.now

    def advance(self, *, seconds: int = 0, milliseconds: int = 0) -> None:
        """Move the clock forward."""
        self.now += seconds * 1000 + milliseconds
