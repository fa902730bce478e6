"""Sends recorded events again: to one consumer's queue, as the topic would, or to the topic, as a relay would."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from ops.failure import Failure
from tidings.relay import Entry, batches

MAX_ATTEMPTS = 6
"""How often a message is sent before it is given up; the pauses between add up to some six seconds."""


@dataclass(frozen=True)
class Sending:
    """A message under way; its `deduplication` id is new with every run and every attempt."""

    entry: Entry
    deduplication: str


class Outlet(Protocol):
    """Where messages are sent to."""

    def send(self, batch: Sequence[Sending]) -> Mapping[Entry, str]:
        """One call, with what one takes; gives those that were not accepted, each with the reason."""


@dataclass
class Sender:
    """Sends by ten, in waves: in each the next event of every order, so that no retry lets an order's overtake.

    `run` sets this run's deduplication ids apart from every other's: SQS swallows one that it has seen within five
    minutes, and with it the message. `rate` is in messages a second.
    """

    outlet: Outlet
    run: str
    executor: Executor
    rate: float | None = None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _due: float = field(default=0, init=False)

    def send(self, entries: Sequence[Entry]) -> None:
        """Sends them all, each order's in the order given; Failure where one is refused for good."""
        waiting: dict[str, deque[Entry]] = {}
        for entry in entries:
            waiting.setdefault(entry.head.subject, deque()).append(entry)
        while waiting:
            self._send_wave([queue.popleft() for queue in waiting.values()])
            waiting = {order: queue for order, queue in waiting.items() if queue}

    def _send_wave(self, wave: Sequence[Entry]) -> None:
        pending = wave
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if attempt > 1:
                self.pause(0.2 * 2 ** (attempt - 2))
            under_way = []
            for batch in batches(pending):
                self._keep_to_rate(len(batch))
                sendings = [Sending(entry, f"{entry.head.id}#{self.run}#{attempt}") for entry in batch]
                under_way.append(self.executor.submit(self.outlet.send, sendings))
            refused = {entry: why for answer in under_way for entry, why in answer.result().items()}
            if not refused:
                return
            pending = list(refused)
        why = next(iter(refused.values()))
        raise Failure(f"{len(refused)} messages were refused {MAX_ATTEMPTS} times ({why}); run it again to go on")

    def _keep_to_rate(self, messages: int) -> None:
        if self.rate is None:
            return
        now = self.clock()
        if now < self._due:
            self.pause(self._due - now)
        self._due = max(now, self._due) + messages / self.rate
