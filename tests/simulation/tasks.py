"""Function invocations that run at once, and yet one at a time: each may pause anywhere, and others go on meanwhile.

Whatever thread has the baton runs the loop. A task that pauses keeps its thread's stack, and hands the baton to a
spare thread; who resumes it becomes a spare. Without a pause nothing is switched, so that most tasks cost no thread.
"""

from collections.abc import Callable
from threading import Lock, Thread


class EndedError(BaseException):
    """The history is over while this task was paused."""


class Task:
    """One invocation; `deadline` is when its process ends at the latest (milliseconds since 1970)."""

    def __init__(self, name: str, deadline: int) -> None:
        self.name = name
        self.deadline = deadline
        self.unrecorded: set[tuple[str, str]] = set()
        self.unburied: set[str] = set()
        self.baton = _taken()


class Tasks:
    """Runs `step` until it gives False; a step may begin a task, or resume one."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self.paused: list[Task] = []
        self.running: Task | None = None
        self._step = step
        self._spares: list[Lock] = []
        self._threads: list[Thread] = []
        self._done = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Until the last step; raises what a step raised."""
        self._done = False
        self._loop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._spares.clear()
        if self._error:
            raise self._error

    def pause(self) -> None:
        """The running task stops here until it is resumed."""
        task = self.running
        if task is None:
            return
        self.paused.append(task)
        self.running = None
        if self._spares:
            self._spares.pop().release()
        else:
            thread = Thread(target=self._loop, daemon=True)
            self._threads.append(thread)
            thread.start()
        task.baton.acquire()
        if self._done:
            raise EndedError
        self.running = task

    def resume(self, task: Task) -> None:
        """Lets a paused task go on; gives back when the baton returns."""
        self.paused.remove(task)
        own = _taken()
        self._spares.append(own)
        task.baton.release()
        own.acquire()

    def _loop(self) -> None:
        try:
            while not self._done and self._step():
                pass
        except EndedError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            self._error = error
        self._end()

    def _end(self) -> None:
        if self._done:
            return
        self._done = True
        for task in self.paused:
            task.baton.release()
        for spare in self._spares:
            spare.release()


def _taken() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
