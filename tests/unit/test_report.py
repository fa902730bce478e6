"""The bench's report."""

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import __main__ as command
from bench.figures import Figure, Limit, Table
from bench.report import Report, write

TABLE = Table("By <service>", ("a", "b"), {"orders": (1, 2.5), "fraud & co": (0, 3)}, "units", "stacked")


def figure(key: str, value: float, limit: Limit | None = None, *tables: Table) -> Figure:
    return Figure(key, value, "×", None, "Counted.", limit, tables)


class TwoFigures:
    """A group of two figures."""

    KEYS = ("wru.ratio", "hot.sku")

    def __init__(self, ratio: float, rate: float) -> None:
        self.figures = (
            figure("wru.ratio", ratio, Limit("≤", 0.5), TABLE),
            figure("hot.sku", rate, Limit("≥", 20)),
        )

    def measure(self) -> Iterator[Figure]:
        print("a log of the shop")  # noqa: T201 - as its functions do
        yield from self.figures


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, group: TwoFigures, *keys: str) -> int:
    monkeypatch.setattr(command, "groups", lambda: [group])
    return command.main(list(keys), folder)


def values(folder: Path) -> dict[str, float]:
    return {key: figure["value"] for key, figure in json.loads((folder / "report.json").read_text()).items()}


def test_a_figure_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = figure("wru.ratio", 0.4, Limit("≤", 0.5), TABLE)
    write(Report({"wru.ratio": written}), tmp_path)
    read = Report.read(tmp_path).figures["wru.ratio"]
    assert (read.value, read.limit, read.how) == (0.4, Limit("≤", 0.5), "Counted.")
    assert read.tables[0].rows == {"orders": [1, 2.5], "fraud & co": [0, 3]}


def test_the_command_succeeds_if_all_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch, TwoFigures(0.5, 20)) == 0


def test_the_command_fails_if_a_limit_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch, TwoFigures(0.51, 20)) == 1
    assert json.loads((tmp_path / "report.json").read_text())["wru.ratio"]["ok"] is False
    assert "**no**" in (tmp_path / "REPORT.md").read_text()


def test_an_unknown_figure_is_an_error_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch, TwoFigures(0.4, 20), "speed.of.light") == 2
    assert not list(tmp_path.iterdir())


def test_measuring_some_figures_does_not_change_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, TwoFigures(0.4, 30))
    assert run(tmp_path, monkeypatch, TwoFigures(0.6, 40), "hot.sku") == 0
    assert values(tmp_path) == {"wru.ratio": 0.4, "hot.sku": 40}


def test_the_shops_logs_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, monkeypatch, TwoFigures(0.4, 30))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["wru.ratio", "hot.sku"]


def test_each_plot_is_an_image_that_the_report_shows(tmp_path: Path) -> None:
    write(Report({"wru.ratio": figure("wru.ratio", 0.4, None, TABLE)}), tmp_path)
    (plot,) = (tmp_path / "plots").iterdir()
    drawn = ElementTree.fromstring(plot.read_text())  # noqa: S314 - our own
    assert {"By <service>, units", "orders", "fraud & co", "3.5"} <= {element.text for element in drawn.iter()}
    assert f"(plots/{plot.name})" in (tmp_path / "REPORT.md").read_text()
