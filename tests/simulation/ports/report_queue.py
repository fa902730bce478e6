"""Payment's queue, as reports of the gateway reach it."""

from dataclasses import dataclass

import msgspec

from functions.payment.reports import Report
from tests.simulation.ports.queue import SimulatedQueue


@dataclass(frozen=True)
class MemoryReportQueue:
    """The queue."""

    queue: SimulatedQueue

    def send(self, report: Report) -> None:
        self.queue.send(msgspec.json.encode(report).decode(), report.group, report.deduplication_id)
