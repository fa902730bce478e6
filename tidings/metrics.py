"""Metrics, written as a line of the function's log: CloudWatch reads them from there, so that they cost no call.

The line is of the embedded metric format (Amazon CloudWatch User Guide, "Specification: Embedded metric format").
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tidings import clock

NAMESPACE = "Tidings"


@dataclass(frozen=True)
class Metrics:
    """The metrics of one service in one stage."""

    stage: str
    service: str

    def emit(self, counts: Mapping[str, int], seconds: Mapping[str, float] | None = None) -> None:
        """Writes what was counted, and what was measured in seconds."""
        measured = seconds or {}
        units = dict.fromkeys(counts, "Count") | dict.fromkeys(measured, "Seconds")
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["Stage", "Service"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
        }
        line = {
            "_aws": {"Timestamp": clock.now(), "CloudWatchMetrics": [directive]},
            "Stage": self.stage,
            "Service": self.service,
            **counts,
            **measured,
        }
        # Of one piece, since threads write logs at the same time.
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
