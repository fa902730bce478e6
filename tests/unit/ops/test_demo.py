from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.errors import CommandError
from ops.local.demo import EXAMPLES, outcomes_table
from ops.stage import DeployedStage
from tests.unit.ops.api import OUTPUTS
from tests.unit.ops.terminal import eighty_columns


def test_a_table_of_outcomes_breaks_no_word_in_eighty_columns() -> None:
    order: Mapping[str, Any] = {
        "id": str(UUID(int=1)),
        "total": {"amount": 15_000_000, "currency": "EUR"},
        "status": "CANCELLED",
        "reason": "payment_failed",
    }
    words = eighty_columns(outcomes_table([(example, order) for example in EXAMPLES])).split()
    assert words.count(order["id"]) == words.count("payment_failed") == words.count("CANCELLED") == len(EXAMPLES)
    assert words.count("EUR") == len(EXAMPLES)
    assert {word for example in EXAMPLES for word in example.title.split()} <= set(words)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on a deployed shop whose demonstration is not executed, in whose folder `cloud` is the cloud's."""
    (tmp_path / "cloud").mkdir()
    monkeypatch.setattr("ops.context.stage_named", lambda name, _: DeployedStage(name, "eu-west-1", boto3.Session()))
    outputs = replace(OUTPUTS, endpoint="http://127.0.0.1:4600")
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: outputs)
    return lambda *arguments: CliRunner().invoke(app, ["--local", str(tmp_path), "demo", *arguments])


def test_a_second_demonstration_places_no_orders_if_it_is_wanted_once(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    demonstrations: list[object] = []
    monkeypatch.setattr("ops.local.commands.run_demo", lambda stage, _outputs: demonstrations.append(stage))
    first, second, third = run("--once"), run("--once"), run()
    assert len(demonstrations) == 2
    said = "The local cloud is running at http://127.0.0.1:4600, and the example orders are placed."
    assert [said in answer.stdout for answer in (first, second, third)] == [False, True, False]
    assert all("The shop's API is http://api\n" in answer.stdout for answer in (first, second, third))


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, CommandError])
def test_a_demonstration_that_did_not_end_is_shown_again(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    ends = iter([error("the demonstration"), None])

    def demonstrate(*_: object) -> None:
        if end := next(ends):
            raise end

    monkeypatch.setattr("ops.local.commands.run_demo", demonstrate)
    assert run("--once").exit_code != 0
    again = run("--once")
    assert again.exit_code == 0
    assert "the example orders are placed" not in again.stdout
