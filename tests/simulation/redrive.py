"""An operator's redrive of one consumer's dead letters: the command's engine over the queues in memory."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.simulation.faults import Calls
from tests.simulation.ports.queue import SimulatedQueue
from tidings.core.errors import ThrottledError
from tidings.recovery.dead_letters import DeadLetterDetails
from tidings.recovery.ports import DeadLetterMessage, OutgoingMessage, QueueDepth, SendFailure
from tidings.recovery.redrive import DeadLetters, Patience
from tidings.recovery.sender import Sender
from tidings.testing import InlineExecutor

PERMANENT = {
    "undecodable",
    "not-an-event",
    "unknown-type",
    "unknown-version",
    "breaks-contract",
    "oversized",
    "wrong-source",
    "conflicting-body",
    "from-the-future",
}
"""The reasons for which a message would fail again."""

RECEIVED = 10
"""Maximum number of messages in one call (Amazon SQS API Reference, "ReceiveMessage")."""


@dataclass(frozen=True)
class SimulatedDeadLetterQueue:
    """A dead-letter queue, as the engine uses it."""

    dlq: SimulatedQueue
    calls: Calls

    def receive(self) -> Sequence[DeadLetterMessage]:
        received = self.calls.make("receive", lambda: self.dlq.receive(RECEIVED))
        return [
            DeadLetterMessage(each.id, each.receipt, each.body, each.sent, each.group or None, each.attributes)
            for each in received
        ]

    def delete(self, messages: Sequence[DeadLetterMessage]) -> None:
        def call() -> None:
            for message in messages:
                self.dlq.delete(message.receipt_handle)

        self.calls.make("delete", call)

    def release(self, messages: Sequence[DeadLetterMessage]) -> None:
        for message in messages:
            with suppress(ValueError):
                self.dlq.change_visibility(message.receipt_handle, 0)

    def depth(self) -> QueueDepth:
        in_flight = [message.in_flight for message in self.dlq.messages()]
        return QueueDepth(waiting=in_flight.count(False), in_flight=in_flight.count(True))


@dataclass(frozen=True)
class ConsumerDestination:
    """The consumer's queue, as the engine sends to it."""

    queue: SimulatedQueue
    calls: Calls

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:
        def call() -> None:
            for message in batch:
                self.queue.send(message.body, message.head.subject, f"{message.head.id}#{attempt}")

        try:
            self.calls.make("send", call)
        except (ThrottledError, TimeoutError) as error:
            return dict.fromkeys(batch, SendFailure(str(error)))
        return {}


def redrive(queue: SimulatedQueue, dlq: SimulatedQueue, run: str, calls: Calls) -> None:
    """Send back the dead letters that would not fail again."""
    destination = ConsumerDestination(queue, calls)
    sender = Sender(destination, run, InlineExecutor(), pause=lambda _seconds: calls.pause())
    DeadLetters(SimulatedDeadLetterQueue(dlq, calls), "dlq", Patience(0)).redrive(sender.send, _would_not_fail_again)


def is_redrivable(dlq: SimulatedQueue) -> bool:
    """Return whether a dead-letter queue holds a message that would not fail again."""
    return not dlq.is_empty() and any(message.attributes.get("reason") not in PERMANENT for message in dlq.messages())


def _would_not_fail_again(details: DeadLetterDetails) -> bool:
    return details.reason not in PERMANENT
