"""The sender of past messages: to a consumer's queue like the topic, or to the topic like a relay."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from tidings.messaging.relay import batches
from tidings.recovery.errors import RecoveryError, messages_were
from tidings.recovery.ports import Destination, OutgoingMessage, SendFailure
from tidings.recovery.rate import RateLimit

MAX_SEND_ATTEMPTS = 6
"""Number of attempts to send a message. The pauses between them sum up to about six seconds."""


def ignore_number(_number: int) -> None:
    """Ignore how many messages were sent."""


@dataclass
class Sender:
    """A sender in rounds: each contains the next message of every group, so no retry lets a later one overtake.

    Attributes:
        destination: Where the messages go.
        run: A text that no earlier run had, for the deduplication ids.
        threads: Sends the batches of a round in parallel.
        rate: Maximum number of messages a second; None for no limit.
        attempts: Number of attempts to send a message.
        clock: Returns a time in seconds.
        pause: Waits for a number of seconds.
    """

    destination: Destination
    run: str
    threads: Executor
    rate: float | None = None
    attempts: int = MAX_SEND_ATTEMPTS
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _limit: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self._limit = RateLimit(self.rate, self.clock, self.pause)

    def send(
        self, messages: Sequence[OutgoingMessage], watch: Callable[[int], None] = ignore_number
    ) -> dict[OutgoingMessage, str]:
        """Send messages, those of each group in sequence.

        Args:
            messages: The messages.
            watch: Receives the number of messages that the destination has accepted since its last call.

        Returns:
            The messages that the destination will never accept, each with the reason. They hold up no other.

        Raises:
            RecoveryError: If a message failed on every attempt. Later messages of its group were not sent.
        """
        refused: dict[OutgoingMessage, str] = {}
        waiting: dict[str, deque[OutgoingMessage]] = {}
        for message in messages:
            waiting.setdefault(message.head.subject, deque()).append(message)
        while waiting:
            refused |= self._send_round([queue.popleft() for queue in waiting.values()], watch)
            waiting = {group: queue for group, queue in waiting.items() if queue}
        return refused

    def _send_round(
        self, messages: Sequence[OutgoingMessage], watch: Callable[[int], None]
    ) -> dict[OutgoingMessage, str]:
        refused: dict[OutgoingMessage, str] = {}
        pending = messages
        for attempt in range(1, self.attempts + 1):
            if attempt > 1:
                self.pause(0.2 * 2 ** (attempt - 2))
            failures = self._request(pending, f"{self.run}#{attempt}", watch)
            refused |= {message: failure.reason for message, failure in failures.items() if failure.permanent}
            pending = [message for message, failure in failures.items() if not failure.permanent]
            if not pending:
                return refused
        text = f"{messages_were(len(pending))} refused {self.attempts} times ({failures[pending[0]].reason})"
        raise RecoveryError(f"{text}; repeat what was begun to send the rest")

    def _request(
        self, messages: Sequence[OutgoingMessage], run: str, watch: Callable[[int], None]
    ) -> dict[OutgoingMessage, SendFailure]:
        """Send each message once, in parallel batches, and return the failures."""
        failures: dict[OutgoingMessage, SendFailure] = {}
        running: deque[tuple[int, Future[Mapping[OutgoingMessage, SendFailure]]]] = deque()

        def finish_first() -> None:
            size, request = running.popleft()
            failed = request.result()
            failures.update(failed)
            watch(size - len(failed))

        for batch in batches(messages):
            self._limit.wait(len(batch))
            running.append((len(batch), self.threads.submit(self.destination.send, batch, run)))
            while running and running[0][1].done():
                finish_first()
        while running:
            finish_first()
        return failures
