"""Threads in virtual time: one runs at a time, sleeping takes no real time, and runs are reproducible."""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class EndOfTimeError(BaseException):
    """The end of the virtual time. It is not an Exception, so that no code under test catches it."""


@dataclass
class VirtualTime:
    """A clock that jumps to the time when the next sleeper wakes.

    Attributes:
        end: When the run ends, in seconds from its beginning.
        now: The current time, in seconds from the beginning.
    """

    end: float
    now: float = 0
    _sleepers: list[tuple[float, int, threading.Semaphore]] = field(default_factory=list)
    _count: int = 0
    _errors: list[Exception] = field(default_factory=list)
    _over: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self, workers: list[Callable[[], None]]) -> None:
        """Run the workers concurrently until the end.

        Raises:
            ExceptionGroup: If workers failed.
        """
        threads = [threading.Thread(target=self._work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
            self._over.acquire()  # it has begun, and sleeps until all have
        self._wake_next()
        for thread in threads:
            thread.join()
        if self._errors:
            raise ExceptionGroup("workers failed", self._errors)

    def sleep(self, seconds: float) -> None:
        """Let the other threads run until this number of seconds has passed."""
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
        except Exception as error:  # noqa: BLE001 - `run` raises it again
            self._errors.append(error)
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
