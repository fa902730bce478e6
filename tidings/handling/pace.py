"""The pace of an adapter whose provider limits the rate of calls."""

import math
import threading
import time
from collections.abc import Callable

from tidings.core.errors import ThrottledError


class Pace:
    """Evenly spaced slots for the calls of one process, whichever of its threads makes them.

    Args:
        rate: Maximum number of calls a second.
        clock: The current time in seconds.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._clock = clock
        self._sleep = sleep
        # The process that this one replaces may have made a call just now.
        self._next = clock() + self._interval
        self._latest = math.inf
        self._lock = threading.Lock()

    def begin(self, seconds: float) -> None:
        """Begin an invocation, whose calls can wait for the slots of these next seconds."""
        self._latest = self._clock() + seconds

    def wait(self) -> None:
        """Wait for the next free slot.

        Raises:
            ThrottledError: If the slot is later than this invocation can wait.
        """
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            if slot > self._latest:
                raise ThrottledError("the rate of calls is used up for now", after=slot - now)
            self._next = slot + self._interval
        if slot > now:
            self._sleep(slot - now)
