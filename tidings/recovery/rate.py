"""A rate limit of a recovery: it protects the tables and consumers that serve users meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class RateLimit:
    """A limit of the rate of reads and writes.

    Attributes:
        rate: Maximum number of items a second; None for no limit.
        clock: Returns a time in seconds.
        pause: Waits for a number of seconds.
    """

    rate: float | None = None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _due: float = field(default=0, init=False)

    def wait(self, number: int) -> None:
        """Wait until the rate allows the items that were counted before, then count more items."""
        if self.rate is None:
            return
        now = self.clock()
        if now < self._due:
            self.pause(self._due - now)
        self._due = max(now, self._due) + number / self.rate
