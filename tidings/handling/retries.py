"""The retry policy: how often and when something that failed is tried again, and when it is given up."""

import random
import time

import msgspec

MAX_ATTEMPTS = 20
"""Attempts to write one entity before its message is retried."""

MAX_BATCH_ATTEMPTS = 30
"""Failed attempts in a row to commit entities of a batch together, before their messages are retried."""

MAX_RETRY_DELAY = 900
"""Maximum number of seconds before a message is retried."""

MAX_DOUBLINGS = 20
"""Number of deliveries after which a delay grows no more. Any first delay has then reached `MAX_RETRY_DELAY`."""

LAST_TRIES = 3
"""Number of failed tries within one invocation after which a message is given up."""

LAST_PAUSE = 0.4
"""Maximum number of seconds between the first two of the last tries. It doubles with each try."""

GAVE_UP = "gave-up"
"""The reason of a dead letter whose last tries failed."""

WAITED_TOO_LONG = "waited-too-long"
"""The reason of a dead letter that the policy lets wait no longer."""

_random = random.SystemRandom()
"""The source of jitter. Processes that start from one snapshot share the state of Python's default generator (AWS
Lambda Developer Guide, "Handling uniqueness with Lambda SnapStart")."""


class Failure(msgspec.Struct, frozen=True):
    """A delivery of a message that has not succeeded so far.

    Attributes:
        receives: Number of deliveries, including this one.
        age: Seconds since the message was sent.
        waited: Seconds since the message was first delivered.
        follows: Whether an earlier message of the entity was delivered with it on a FIFO queue. The queue counts such
            deliveries as its own, so `receives` and `waited` may be those of the earlier message.
        tries: Number of failed tries of this delivery.
        waits: Whether the last error asks to wait, so that it uses up no try.
        after: Minimum number of seconds before the next try.
        left: Number of seconds within which this delivery may begin another try.
    """

    receives: int
    age: float
    waited: float
    follows: bool = False
    tries: int = 1
    waits: bool = False
    after: float = 0
    left: float = 0


class TryAgain(msgspec.Struct, frozen=True):
    """The decision to try the message again within this invocation, after a pause in seconds."""

    pause: float


class PutBack(msgspec.Struct, frozen=True):
    """The decision to put the message back into its queue, to be delivered again."""


class GiveUp(msgspec.Struct, frozen=True):
    """The decision to dead-letter the message for this reason."""

    reason: str


class RetryPolicy(msgspec.Struct, frozen=True):
    """The policy by which a consumer's messages are retried and given up; a stage's data.

    The number of deliveries alone says little: a queue also counts a message that was returned untried. So a message
    is given up only after its last tries, which follow one another within one invocation. Only if it waited for the
    longest time, and the invocation has no time for them, is it given up without them.

    Attributes:
        receives: Number of deliveries from which a message may be given up.
        age: The age in seconds from which a message that fails may be given up.
        wait: The number of seconds since its first delivery from which a message may be given up that cannot be tried.
        backoff: The first retry delay in seconds; see `retry_delay`.
    """

    receives: int
    age: float
    wait: float
    backoff: float

    def decide(self, failure: Failure, randomness: float) -> TryAgain | PutBack | GiveUp:
        """Decide what happens to a message.

        Args:
            failure: The message's delivery so far.
            randomness: A random number from 0 to 1; half of a pause is jitter.
        """
        often = failure.receives >= self.receives
        waited = often and failure.waited >= self.wait and not failure.follows
        waits = failure.waits or failure.after > max(failure.left, 0)
        if not (waited if waits else often and failure.age >= self.age):
            return PutBack()
        pause = max(failure.after, LAST_PAUSE * 2 ** (failure.tries - 1) * (0.5 + randomness / 2))
        last = failure.tries >= LAST_TRIES
        if not last and pause <= failure.left:
            return TryAgain(pause)
        if last or waited:
            return GiveUp(WAITED_TOO_LONG if waits else GAVE_UP)
        # Without the time for all tries, a later delivery makes them.
        return PutBack()

    def delay(self, receives: int, at_least: float, randomness: float) -> int:
        """Return the number of seconds before a message that is put back is delivered again."""
        return retry_delay(self.backoff, receives, at_least, randomness)


def jittered_pause(attempt: int) -> None:
    """Wait up to 200 ms, longer with each attempt, at random so that conflicting writers part."""
    time.sleep(_random.uniform(0, min(0.2, 0.005 * 2**attempt)))


def retry_delay(backoff: float, receives: int, at_least: float, randomness: float) -> int:
    """Return the number of seconds before a message is retried: exponential backoff with jitter.

    Args:
        backoff: The first delay in seconds. It doubles with each delivery.
        receives: Number of deliveries so far, from 1.
        at_least: Minimum delay in seconds, if the error named one.
        randomness: A random number from 0 to 1; half of the delay is jitter.
    """
    grown = backoff * 2 ** min(receives - 1, MAX_DOUBLINGS)
    return min(MAX_RETRY_DELAY, 1 + int(max(at_least, grown * (0.5 + randomness / 2))))
