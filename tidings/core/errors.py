"""The errors that decide what the consumer does with a message."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        after: Minimum number of seconds before the next try; 0 leaves it to the backoff.
        reserved: Number of seconds for which no other delivery can try, because this one reserved the effect.
    """

    def __init__(self, text: str, *, after: float = 0, reserved: float = 0) -> None:
        super().__init__(text)
        self.after = after
        self.reserved = reserved


class UntriedError(RetryableError):
    """A message that must wait before it can be tried. Waiting uses up no try."""


class ThrottledError(UntriedError):
    """The other side asks to slow down."""


class ContentionError(UntriedError):
    """A write that lost to concurrent writers on every attempt. They made progress, so this one waits for its turn."""


def causes(error: BaseException) -> "Iterator[BaseException]":
    """Yield an error and the errors that caused it, as Python's traceback shows them."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
