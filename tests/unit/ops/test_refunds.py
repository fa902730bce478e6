import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.jobs import RefundResult


def run_check(monkeypatch: pytest.MonkeyPatch, result: RefundResult) -> tuple[int, str, str]:
    """Run `tidings refunds check`, whose job has this result. Return exit status, stdout and stderr."""
    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.refunds.commands.check_refunds", lambda _stage: result)
    done = CliRunner().invoke(app, ["--stage", "prod", "refunds", "check"])
    return done.exit_code, done.stdout, done.stderr


def test_the_look_at_pending_refunds_says_how_many_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_check(monkeypatch, RefundResult(2, 1, 0, finished=True)) == (0, "2 ended, 1 pending, 0 failed\n", "")


def test_refunds_that_could_not_be_looked_at_are_an_error_that_names_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    status, shown, error = run_check(monkeypatch, RefundResult(0, 0, 1, finished=False))
    assert (status, shown) == (1, "0 ended, 0 pending, 1 failed\n")
    assert "The job's time ran out. Its next run, within a minute, continues." in error
    assert "read tidings --stage prod logs payment-refunds --problems" in error
