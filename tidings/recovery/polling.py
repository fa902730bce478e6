"""Polling until a condition holds."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], T | None], timeout: float, subject: str, *, every: float = POLL_SECONDS) -> T:
    """Call a condition until it returns a true value, and return that value.

    Args:
        condition: The condition.
        timeout: Maximum time to wait, in seconds.
        subject: What the caller waits for; part of the error's text.
        every: Time between two calls, in seconds.

    Raises:
        TimeoutError: If the condition does not hold in time.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{subject}: not within {timeout:g} seconds")
        time.sleep(every)
    return answer
