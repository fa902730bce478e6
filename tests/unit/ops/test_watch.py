"""The command that runs the watch."""

import json

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from tidings.aws.watch import Problem, WatchReport

PROBLEM = Problem("orders", "mapping", "orders-relay", "It delivers nothing until it is enabled.")


def watch(monkeypatch: pytest.MonkeyPatch, report: WatchReport, *options: str) -> Result:
    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.monitoring.commands.run_watch", lambda _stage: report)
    return CliRunner().invoke(app, ["watch", *options])


def test_each_problem_is_a_line_with_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    result = watch(monkeypatch, WatchReport((PROBLEM,)))
    assert result.stdout == "orders-relay: It delivers nothing until it is enabled.\n"


def test_a_stage_without_problems_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    result = watch(monkeypatch, WatchReport(()))
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "No problem was found." in result.stderr


def test_the_problems_are_printed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    result = watch(monkeypatch, WatchReport((PROBLEM,)), "--json")
    assert [each["kind"] for each in json.loads(result.stdout)["problems"]] == ["mapping"]
