"""Queue drain: waits until the messages of a queue are handled."""

from collections.abc import Callable
from dataclasses import dataclass

from tidings.core.clock import Clock, now, to_rfc3339
from tidings.recovery.errors import RecoveryError
from tidings.recovery.polling import wait_until
from tidings.recovery.ports import QueueDepth, QueueGauge

MAX_STALL_SECONDS = 20 * 60
"""Maximum time without a change of a queue's depth. It exceeds the maximum delay of a retry."""

MAX_DRAIN_SECONDS = 60 * 60
"""Maximum time to wait for what should take minutes."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """The times in seconds that the platform takes to show a change. An emulator takes none.

    Attributes:
        depth: Until a queue's approximate depth is correct.
        index: Until a table's index contains an item.
        filter_policy: Until a subscription's changed filter policy takes effect.
        retry: Maximum delay before a failed message is retried.
    """

    depth: float
    index: float
    filter_policy: float
    retry: int = 0


@dataclass(frozen=True)
class QueueDrain:
    """The draining of one queue.

    Attributes:
        gauge: The queue's readings.
        delays: The delays of the platform.
        clock: The current time.
        patience: Maximum number of seconds without a change of the queue's depth.
    """

    gauge: QueueGauge
    delays: Delays
    clock: Clock = now
    patience: float = MAX_STALL_SECONDS

    def wait_until_idle(self) -> None:
        """Wait until no message is in flight. The queue's consumer must be stopped."""
        self._wait(lambda depth: depth.in_flight == 0, "messages in flight", MAX_DRAIN_SECONDS)

    def wait_until_recorded(self) -> str:
        """Wait until the event log has recorded all that its queue holds now.

        Returns:
            A time (RFC 3339) before which everything was recorded and is in the log's index.
        """
        self._wait(self._drained(), "events that the log has not recorded", MAX_DRAIN_SECONDS)
        end = self.clock() + 1
        wait_until(lambda: self.clock() - end >= self.delays.index * 1000, MAX_DRAIN_SECONDS, "the log's index")
        return to_rfc3339(end)

    def wait_until_handled(self, report: Callable[[QueueDepth], None]) -> None:
        """Wait until the consumer has handled all that the queue holds now, however long that takes.

        Args:
            report: Receives each reading.
        """
        drained = self._drained()

        def condition(depth: QueueDepth) -> bool:
            report(depth)
            return drained(depth)

        self._wait(condition, "messages that its consumer does not handle", float("inf"))

    def _drained(self) -> Callable[[QueueDepth], bool]:
        """Return a condition: the queue has drained, allowing in-flight messages one visibility timeout.

        A busy queue is never empty, because new messages arrive all the time. Therefore it has drained as well when
        no message waited at one time, and the messages in flight at that time must have ended or returned.
        """
        # A failed message may wait for its retry first, and be in flight after that.
        in_flight = (self.gauge.visibility_timeout() + self.delays.retry) * 1000
        begun = self.clock()
        none_waiting: int | None = None

        def drained(depth: QueueDepth) -> bool:
            nonlocal none_waiting
            if none_waiting is None and depth.waiting == 0 and self._is_current(begun):
                none_waiting = self.clock()
            return depth.total == 0 or (none_waiting is not None and self.clock() - none_waiting > in_flight)

        return drained

    def _is_current(self, begun: int) -> bool:
        """Return whether the queue's readings are later than `begun`."""
        return self.clock() - begun >= self.delays.depth * 1000

    def _wait(self, condition: Callable[[QueueDepth], bool], contents: str, timeout: float) -> None:
        begun = changed = self.clock()
        last: QueueDepth | None = None

        def met() -> bool:
            nonlocal last, changed
            depth = self.gauge.depth()
            if depth != last:
                last, changed = depth, self.clock()
            if condition(depth) and self._is_current(begun):
                return True
            if self.clock() - changed > self.patience * 1000:
                raise RecoveryError(
                    f"{self.gauge.name} holds {depth.total} {contents}, and their number does not change"
                )
            return False

        wait_until(met, timeout, f"{self.gauge.name}: no {contents}")
