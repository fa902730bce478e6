"""Threads in a time of their own: one runs at a time, sleeping takes none, and the same seed gives the same run."""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class EndOfTimeError(BaseException):
    """The time that was to be looked at is over: not an Exception, since no code under test may catch it."""


@dataclass
class VirtualTime:
    """A clock that jumps to whenever the next sleeper wakes; `now` and `end` are in seconds from the beginning."""

    end: float
    now: float = 0
    _sleepers: list[tuple[float, int, threading.Semaphore]] = field(default_factory=list)
    _count: int = 0
    _over: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self, workers: list[Callable[[], None]]) -> None:
        """Runs the workers side by side until the end."""
        threads = [threading.Thread(target=self._work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
            self._over.acquire()  # it has begun, and sleeps until all are there
        self._wake_next()
        for thread in threads:
            thread.join()

    def sleep(self, seconds: float) -> None:
        """Lets the others go on until so many seconds have passed."""
        own = self._enter(self.now + seconds)
        self._wake_next()
        self._await(own)

    def _work(self, worker: Callable[[], None]) -> None:
        own = self._enter(self.now)
        self._over.release()
        try:
            self._await(own)
            worker()
        except EndOfTimeError:
            pass
        finally:
            self._wake_next()

    def _enter(self, when: float) -> threading.Semaphore:
        self._count += 1
        own = threading.Semaphore(0)
        heapq.heappush(self._sleepers, (when, self._count, own))
        return own

    def _wake_next(self) -> None:
        if self._sleepers:
            self.now, _, sleeper = heapq.heappop(self._sleepers)
            sleeper.release()

    def _await(self, own: threading.Semaphore) -> None:
        own.acquire()
        if self.now >= self.end:
            raise EndOfTimeError
