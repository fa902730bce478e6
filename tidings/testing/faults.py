"""Faults that tests inject into the calls of an in-memory port.

Example:
    ```python
    table = MemoryTable()
    table.commit_faults.next(lost_answer, transaction_conflict)  # of the next two commits
    table.commit_faults.at("ticket-1", fails(TimeoutError("no answer")))  # of every commit of this entity
    ```
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from tidings.core.ports import TransactionConflictError

T = TypeVar("T")


class Fault(Protocol):
    """A failure of a port's call: makes the call never, once or twice, and returns its answer or raises."""

    def __call__(self, call: Callable[[], T], /) -> T:
        """Make the call with this fault."""


def fails(error: BaseException) -> Fault:
    """Return the fault that raises an error instead of making the call."""

    def fault(_call: Callable[[], T]) -> T:
        raise error.with_traceback(None)  # a traceback would grow with each use

    return fault


def lost_answer(call: Callable[[], T]) -> T:
    """Make the call, but lose its answer.

    Raises:
        TimeoutError: Always.
    """
    call()
    raise TimeoutError("no answer")


def duplicate_request(call: Callable[[], T]) -> T:
    """Make the call twice, as a client does that repeats a request whose answer was lost."""
    call()
    return call()


def transaction_conflict(_call: Callable[[], T]) -> T:
    """Make no call, because another transaction holds one of the items.

    Raises:
        TransactionConflictError: Always.
    """
    raise TransactionConflictError("a transaction holds the item")


def preceded_by(other: Callable[[], object]) -> Fault:
    """Return the fault that lets another writer go first."""

    def fault(call: Callable[[], T]) -> T:
        other()
        return call()

    return fault


class Faults:
    """The faults of one method of a port. Without any, calls succeed."""

    def __init__(self) -> None:
        self._next: deque[Fault] = deque()
        self._at: dict[str, Fault] = {}
        self._always: Fault | None = None

    def next(self, *faults: Fault) -> None:
        """Inject faults into the next calls, one into each."""
        self._next.extend(faults)

    def at(self, key: str, fault: Fault) -> None:
        """Inject a fault into every call that concerns a key."""
        self._at[key] = fault

    def always(self, fault: Fault) -> None:
        """Inject a fault into every call."""
        self._always = fault

    def clear(self) -> None:
        """Inject no more faults."""
        self._next.clear()
        self._at.clear()
        self._always = None

    def call(self, call: Callable[[], T], keys: Iterable[str] = ()) -> T:
        """Make a call that concerns these keys, with its fault if it has one."""
        if self._next:
            return self._next.popleft()(call)
        fault = next((self._at[key] for key in keys if key in self._at), self._always) if self._at else self._always
        return fault(call) if fault else call()
