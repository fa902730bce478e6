"""A thread pool without threads."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """A thread pool that runs each task at once in the caller's own thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task, and return its result as a future. An error of the task is raised here."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
