"""Function invocations that interleave: each can pause at any call, and others go on meanwhile.

One thread at a time runs the loop. A task that pauses keeps its thread, with the stack; a spare thread takes the loop.
The thread that resumes a task becomes a spare. Without a pause no thread is switched, so most tasks cost none.
"""

from collections.abc import Callable
from threading import Lock, Thread


class EndedError(BaseException):
    """The end of the history while this task was paused."""


class Tries:
    """The failed tries of one invocation to handle an event.

    Attributes:
        number: Their number.
        error: The error of the last one.
        time: When that happened, in milliseconds since 1970.
    """

    __slots__ = ("error", "number", "time")

    def __init__(self) -> None:
        self.number = 0
        self.error: Exception | None = None
        self.time = 0


class Task:
    """One invocation of a function.

    Attributes:
        name: The function's name and the invocation's number.
        deadline: When its process ends at the latest, in milliseconds since 1970.
        unrecorded_emails: The e-mails, by order and kind, that were sent and are not recorded as sent yet.
        not_dead_lettered: The ids of messages that could not be dead-lettered.
        tries: The tries to handle an event, by the event's id.
        followers: The ids of messages that a FIFO queue delivered behind another one of their group.
        must_wait: Whether a relay could not publish an event now, or could not dead-letter one.
    """

    __slots__ = (
        "baton",
        "deadline",
        "followers",
        "must_wait",
        "name",
        "not_dead_lettered",
        "tries",
        "unrecorded_emails",
    )

    def __init__(self, name: str, deadline: int) -> None:
        self.name = name
        self.deadline = deadline
        self.unrecorded_emails: set[tuple[str, str]] = set()
        self.not_dead_lettered: set[str] = set()
        self.tries: dict[str, Tries] = {}
        self.followers: set[str] = set()
        self.must_wait = False
        self.baton: Lock | None = None


class Tasks:
    """A scheduler that runs `step` until it returns False. A step may begin a task, or resume one.

    Attributes:
        paused: The paused tasks, oldest first.
        running: The running task.
    """

    def __init__(self, step: Callable[[], bool]) -> None:
        self.paused: list[Task] = []
        self.running: Task | None = None
        self._step = step
        self._spares: list[Lock] = []
        self._threads: list[Thread] = []
        self._done = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run to the last step. An error of a step is raised here."""
        self._done = False
        self._loop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._spares.clear()
        if self._error:
            raise self._error

    def pause(self) -> None:
        """Stop the running task until it is resumed."""
        task = self.running
        if task is None:
            return
        baton = task.baton = _taken()
        self.paused.append(task)
        self.running = None
        if self._spares:
            self._spares.pop().release()
        else:
            thread = Thread(target=self._loop, daemon=True)
            self._threads.append(thread)
            thread.start()
        baton.acquire()
        if self._done:
            raise EndedError
        self.running = task

    def resume(self, task: Task) -> None:
        """Let a paused task go on. Return when the loop comes back to this thread."""
        self.paused.remove(task)
        own = _taken()
        self._spares.append(own)
        if task.baton:
            task.baton.release()
        own.acquire()

    def _loop(self) -> None:
        try:
            while not self._done and self._step():
                pass
        except EndedError:
            return
        except BaseException as error:  # noqa: BLE001 - run() raises it again
            self._error = error
        self._end()

    def _end(self) -> None:
        if self._done:
            return
        self._done = True
        for task in self.paused:
            if task.baton:
                task.baton.release()
        for spare in self._spares:
            spare.release()


def _taken() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
