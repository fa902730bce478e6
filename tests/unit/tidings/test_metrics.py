import json
import sys
from typing import Any

import pytest

from tidings.observability.metrics import Metrics

METRICS = Metrics("dev", "desk")


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    METRICS.emit({"TicketOpened": 3, "TicketClosed": 2}, {"OldestPending": 1.5})
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_contains_every_metrics_value_by_name(line: dict[str, Any]) -> None:
    assert (line["TicketOpened"], line["TicketClosed"], line["OldestPending"]) == (3, 2, 1.5)


def test_a_line_declares_every_metric_with_its_unit(line: dict[str, Any]) -> None:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tidings"
    assert directive["Metrics"] == [
        {"Name": "TicketOpened", "Unit": "Count"},
        {"Name": "TicketClosed", "Unit": "Count"},
        {"Name": "OldestPending", "Unit": "Seconds"},
    ]


def test_a_line_contains_a_value_for_every_dimension(line: dict[str, Any]) -> None:
    (dimensions,) = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {name: line[name] for name in dimensions} == {"Stage": "dev", "Service": "desk"}


def test_a_line_contains_its_time_in_milliseconds(line: dict[str, Any]) -> None:
    assert len(str(line["_aws"]["Timestamp"])) == 13


def test_a_line_is_written_at_once_so_that_no_other_thread_writes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", written.append)
    METRICS.emit({"TicketOpened": 1})
    assert [piece[-1] for piece in written] == ["\n"]
