"""An operator's replay of an order's recorded events: the command's engine over the log and a queue in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.faults import Calls
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.queue import SimulatedQueue
from tests.simulation.redrive import ConsumerDestination
from tidings.core.service import Service
from tidings.recovery.ports import LoggedEvent
from tidings.recovery.replay import Replay, ReplaySelection
from tidings.recovery.sender import Sender
from tidings.testing import InlineExecutor

ALWAYS = "0", "9"
"""Positions before and after all others."""


@dataclass(frozen=True)
class ReadLog:
    """The log, as the engine reads it."""

    log: MemoryLog
    calls: Calls

    def read(self, start: str, end: str) -> Iterator[LoggedEvent]:
        return self.calls.make("read the log", lambda: self.log.read(start, end))

    def read_entity(self, subject: str) -> Sequence[LoggedEvent]:
        return self.calls.make("read the log", lambda: self.log.read_entity(subject))

    def beginning(self) -> str | None:
        return self.log.beginning()


def replay(log: MemoryLog, order: str, to: Service[Any], queue: SimulatedQueue, run: str, calls: Calls) -> None:
    """Send a service the recorded events of an order that it subscribes to."""
    types = frozenset(contract.__name__ for contract in to.contracts)
    sender = Sender(ConsumerDestination(queue, calls), run, InlineExecutor(), pause=lambda _seconds: calls.pause())
    Replay(ReadLog(log, calls), ReplaySelection(*ALWAYS, types, order), sender).run()
