"""What can go wrong with a message, as the consumer tells it apart."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidings.events import Event


class PermanentError(Exception):
    """The message can never be handled: it goes to the dead-letter queue at once.

    `reason` is a short fixed word an operator can select by; the text says what was wrong. `event` is the message's
    envelope, where that much could be read.
    """

    def __init__(self, reason: str, text: str, event: "Event[Any] | None" = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.event = event


class RetryableError(Exception):
    """The message may be handled later; `after` is how many seconds to wait at least, where that is known."""

    def __init__(self, text: str, *, after: float = 0) -> None:
        super().__init__(text)
        self.after = after


class LostRaceError(RetryableError):
    """Others kept changing the item between each reading and the write that stood on it."""
