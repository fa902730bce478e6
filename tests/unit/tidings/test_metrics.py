import json
import sys
from typing import Any

import pytest

from tidings.metrics import Metrics

METRICS = Metrics("dev", "orders")


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    METRICS.emit({"OrderPlaced": 3, "OrderConfirmed": 2}, {"OldestPending": 1.5})
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_holds_every_metrics_value_under_its_name(line: dict[str, Any]) -> None:
    assert (line["OrderPlaced"], line["OrderConfirmed"], line["OldestPending"]) == (3, 2, 1.5)


def test_a_line_declares_every_metric_with_its_unit(line: dict[str, Any]) -> None:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tidings"
    assert directive["Metrics"] == [
        {"Name": "OrderPlaced", "Unit": "Count"},
        {"Name": "OrderConfirmed", "Unit": "Count"},
        {"Name": "OldestPending", "Unit": "Seconds"},
    ]


def test_a_line_has_a_value_for_every_dimension_that_it_declares(line: dict[str, Any]) -> None:
    (dimensions,) = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {name: line[name] for name in dimensions} == {"Stage": "dev", "Service": "orders"}


def test_a_line_tells_its_time_in_milliseconds(line: dict[str, Any]) -> None:
    assert len(str(line["_aws"]["Timestamp"])) == 13


def test_a_line_is_written_of_one_piece_so_that_no_thread_writes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", written.append)
    METRICS.emit({"OrderPlaced": 1})
    assert [piece[-1] for piece in written] == ["\n"]
