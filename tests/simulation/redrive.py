"""An operator's redrive of one consumer's dead letters: the command's own code over the queues in memory."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ops.letters import Description, Letter
from ops.quiet import Held
from ops.redriving import BATCH, Box
from ops.sending import Sender, Sending
from tests.simulation.faults import Calls, ThrottledError
from tests.simulation.ports.queue import MemoryQueue
from tests.unit.memory import AtOnce
from tidings.relay import Entry

PERMANENT = {"undecodable", "not-an-event", "unknown-type", "unknown-version", "breaks-contract", "oversized"}
"""Reasons for which a message would only fail again."""


@dataclass(frozen=True)
class DeadLetters:
    """A dead-letter queue, called by an operator's command."""

    dlq: MemoryQueue
    calls: Calls

    def receive(self) -> Sequence[Letter]:
        received = self.calls.make("receive", lambda: self.dlq.receive(BATCH))
        return [
            Letter(each.id, each.receipt, each.body, each.sent, each.group or None, each.attributes)
            for each in received
        ]

    def delete(self, letters: Sequence[Letter]) -> None:
        def act() -> None:
            for letter in letters:
                self.dlq.delete(letter.receipt)

        self.calls.make("delete", act)

    def release(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            with suppress(ValueError):
                self.dlq.change_visibility(letter.receipt, 0)

    def held(self) -> Held:
        hidden = [each.in_flight for each in self.dlq.messages()]
        return Held(waiting=hidden.count(False), hidden=hidden.count(True))


@dataclass(frozen=True)
class Outlet:
    """The consumer's queue, as an operator's command sends to it."""

    queue: MemoryQueue
    calls: Calls

    def send(self, batch: Sequence[Sending]) -> Mapping[Entry, str]:
        def act() -> None:
            for each in batch:
                self.queue.send(each.entry.body, each.entry.head.subject, each.deduplication)

        try:
            self.calls.make("send", act)
        except (ThrottledError, TimeoutError) as error:
            return {each.entry: str(error) for each in batch}
        return {}


def redrive(queue: MemoryQueue, dlq: MemoryQueue, run: str, calls: Calls) -> None:
    """Brings back what may be handled after all."""
    sender = Sender(Outlet(queue, calls), run, AtOnce(), pause=lambda _seconds: calls.pause())
    Box(DeadLetters(dlq, calls), "dlq").redrive(sender.send, _may_be_handled)


def _may_be_handled(letter: Description) -> bool:
    return letter.reason not in PERMANENT
