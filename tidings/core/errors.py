"""The errors that decide what the consumer does with a message."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidings.core.event import Event


class PermanentError(Exception):
    """A message that can never be handled. The consumer dead-letters it without a retry.

    Attributes:
        reason: A short fixed word that operators select dead letters by.
        event: The message's envelope, if it could be decoded.
    """

    def __init__(self, reason: str, text: str, event: "Event[Any] | None" = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.event = event


class RetryableError(Exception):
    """A failure that may pass. The consumer retries the message.

    Attributes:
        after: Minimum number of seconds before the retry; 0 leaves it to the backoff.
    """

    def __init__(self, text: str, *, after: float = 0) -> None:
        super().__init__(text)
        self.after = after


class ContentionError(RetryableError):
    """A write that lost to concurrent writers on every attempt."""
