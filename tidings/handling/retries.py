"""The retry policy: how often and when something that failed is tried again."""

import random
import time

MAX_ATTEMPTS = 20
"""Attempts to write one entity before its message is retried."""

MAX_BATCH_ATTEMPTS = 30
"""Failed attempts in a row to commit entities of a batch together, before their messages are retried."""

MAX_RETRY_DELAY = 900
"""Maximum number of seconds before a message is retried."""


def jittered_pause(attempt: int) -> None:
    """Wait up to 200 ms, longer with each attempt, at random so that conflicting writers part."""
    time.sleep(random.uniform(0, min(0.2, 0.005 * 2**attempt)))  # noqa: S311 - not for secrecy


def retry_delay(backoff: float, attempts: int, at_least: float, randomness: float) -> int:
    """Return the number of seconds before a message is retried: exponential backoff with jitter.

    Args:
        backoff: The first delay in seconds. It doubles with each attempt.
        attempts: Number of attempts so far, from 1.
        at_least: Minimum delay in seconds, if the error named one.
        randomness: A random number from 0 to 1; half of the delay is jitter.
    """
    grown = backoff * 2 ** (attempts - 1)
    return min(MAX_RETRY_DELAY, 1 + int(max(at_least, grown * (0.5 + randomness / 2))))
