"""Time that passes only where the simulation lets it."""

EPOCH = 1_750_000_000_000

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class VirtualClock:
    """Milliseconds since 1970."""

    __slots__ = ("now",)

    def __init__(self, now: int = EPOCH) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now
