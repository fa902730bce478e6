"""Waiting for what becomes true by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], T | None], timeout: float, what: str) -> T:
    """The condition's first answer that counts as true; TimeoutError, naming `what`, when none came."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} seconds")
        time.sleep(POLL_SECONDS)
    return answer
