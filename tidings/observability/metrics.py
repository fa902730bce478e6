"""Metrics in the embedded metric format: a line of the log, so that they cost no request.

CloudWatch extracts them (Amazon CloudWatch User Guide, "Specification: Embedded metric format").
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tidings.core import clock

NAMESPACE = "Tidings"


@dataclass(frozen=True)
class Metrics:
    """The metrics of one service in one stage."""

    stage: str
    service: str

    def emit(self, counts: Mapping[str, int], seconds: Mapping[str, float] | None = None) -> None:
        """Write one line with metrics.

        Args:
            counts: Counts by name.
            seconds: Durations in seconds by name.
        """
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
        # One write, because threads write to the log at the same time.
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
