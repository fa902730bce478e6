import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.sweep import Swept


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The limits that sweeps were begun with."""
    limits: list[int | None] = []

    def sweep(_stage: object, older_than: int | None) -> Swept:
        limits.append(older_than)
        return Swept(cancelled=1, failed=0, finished=True)

    monkeypatch.setattr("ops.cli.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.cli.run_sweep", sweep)
    return limits


def test_a_sweep_by_the_stages_own_limit_asks_nothing(swept: list[int | None]) -> None:
    assert CliRunner().invoke(app, ["sweep"]).stdout == "1 cancelled, 0 failed\n"
    assert swept == [None]


@pytest.mark.parametrize(("said", "limits"), [("n\n", []), ("", []), ("y\n", [90])])
def test_a_sweep_by_another_limit_is_asked_for_twice(
    swept: list[int | None], said: str, limits: list[int | None]
) -> None:
    answer = CliRunner().invoke(app, ["sweep", "--older-than", "90s"], input=said)
    assert "Every order of prod that has been pending for 90 s will be cancelled. Go on?" in answer.stderr
    assert answer.exit_code == (0 if limits else 1)
    assert swept == limits


def test_a_script_says_yes_beforehand(swept: list[int | None]) -> None:
    assert CliRunner().invoke(app, ["sweep", "--older-than", "90s", "--yes"]).exit_code == 0
    assert swept == [90]
