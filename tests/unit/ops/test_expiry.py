import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.jobs import ExpiryResult


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The limits with which the expiry job was run."""
    limits: list[int | None] = []

    def expire_orders(_stage: object, older_than: int | None) -> ExpiryResult:
        limits.append(older_than)
        return ExpiryResult(cancelled=1, failed=0, finished=True)

    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.orders.commands.expire_orders", expire_orders)
    return limits


def test_expiry_by_the_stages_limit_needs_no_confirmation(limits: list[int | None]) -> None:
    assert CliRunner().invoke(app, ["orders", "expire"]).stdout == "1 cancelled, 0 failed\n"
    assert limits == [None]


@pytest.mark.parametrize(("answer", "expected"), [("n\n", []), ("", []), ("y\n", [90])])
def test_expiry_by_another_limit_needs_confirmation(
    limits: list[int | None], answer: str, expected: list[int | None]
) -> None:
    result = CliRunner().invoke(app, ["orders", "expire", "--older-than", "90s"], input=answer)
    assert "Every order of prod that has been pending for 90 s will be cancelled. Continue?" in result.stderr
    assert result.exit_code == (0 if expected else 1)
    assert limits == expected


def test_a_script_confirms_beforehand(limits: list[int | None]) -> None:
    assert CliRunner().invoke(app, ["orders", "expire", "--older-than", "90s", "--yes"]).exit_code == 0
    assert limits == [90]
