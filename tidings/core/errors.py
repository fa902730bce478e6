"""The errors that decide what the consumer does with a message."""

import re
from functools import singledispatch
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tidings.core.event import Event


_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
"""The form of codes and ids. It has no `@`, so no address has it."""


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


class NewerReleaseError(UntriedError):
    """An event or an entity that a newer release wrote, in a form that this release cannot read yet.

    Attributes:
        event: The event's envelope, if it is the event that cannot be read.
    """

    def __init__(self, text: str, event: "Event[Any] | None" = None) -> None:
        super().__init__(text)
        self.event = event


@singledispatch
def described(error: BaseException) -> str:
    """Return an error as logs, dead letters and other errors' texts show it: without another system's words.

    A provider's text may contain what was sent to it, such as an address. So an error is described by its type and by
    the place that raised it. The library's own errors keep their text. An adapter registers its provider's errors, and
    describes them by their codes:

    ```python
    @described.register(ClientError)
    def _(error: ClientError) -> str:
        return f"{type(error).__name__}: {as_code(error.response['Error']['Code'])}"
    ```
    """
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    name = type(error).__name__
    return f"{name} at {_module(frame)}:{frame.tb_lineno}" if frame else name


@described.register(PermanentError)
@described.register(RetryableError)
def _(error: PermanentError | RetryableError) -> str:
    return f"{type(error).__name__}: {error}"


def as_code(value: object) -> str:
    """Return another system's code if it has the form of one, and no text otherwise."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "unknown"


def _module(frame: "TracebackType") -> str:
    return str(frame.tb_frame.f_globals.get("__name__", "?"))


def causes(error: BaseException) -> "Iterator[BaseException]":
    """Yield an error and the errors that caused it, as Python's traceback shows them."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
