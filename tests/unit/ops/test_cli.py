import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from ops.api import Shop
from ops.cli import app
from ops.outputs import Outputs
from ops.stage import Stage


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize("line", ["sku:many", ":2", "sku:-1", "sku:1:2"])
def test_a_line_that_is_not_sku_and_quantity_is_refused(run: CliRunner, line: str) -> None:
    answer = run.invoke(app, ["order", "place", "--sku", line])
    assert answer.exit_code == 2
    assert "is not SKU:QUANTITY" in answer.output


@pytest.mark.parametrize("command", ["up", "down", "demo"])
def test_what_is_for_the_local_cloud_refuses_another_stage(run: CliRunner, command: str) -> None:
    answer = run.invoke(app, ["--stage", "prod", command])
    assert answer.exit_code == 1
    assert "make deploy STAGE=prod" in answer.output


@pytest.mark.parametrize("port", ["0", "65536", "many"])
def test_a_port_that_is_none_is_refused(run: CliRunner, port: str) -> None:
    assert run.invoke(app, ["up", "--port", port]).exit_code == 2


@pytest.mark.parametrize("status", ["0", "6", "5xx", "5031", "many"])
def test_a_status_that_is_none_is_refused(run: CliRunner, status: str) -> None:
    answer = run.invoke(app, ["logs", "api", "--status", status])
    assert answer.exit_code == 2
    assert "is no status like 503" in answer.output


@pytest.mark.parametrize(
    "asked", [["api", "--problems"], ["api", "--runs"], ["orders-api", "--status", "5"]], ids=lambda asked: asked[1]
)
def test_what_only_the_other_kind_of_log_knows_is_refused(run: CliRunner, asked: list[str]) -> None:
    answer = run.invoke(app, ["logs", *asked])
    assert answer.exit_code == 1
    assert "--status is for the access log (api)" in answer.output


@pytest.mark.parametrize(
    ("stage", "fills"), [("local", "tidings demo fills it"), ("dev", "an operator fills it (README")]
)
def test_an_empty_catalogue_names_who_fills_it_on_this_stage(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, stage: str, fills: str
) -> None:
    monkeypatch.setenv("TIDINGS_TOKEN", "a token")
    monkeypatch.setattr("ops.cli.stage_named", lambda name, _: Stage(name, "eu-west-1", boto3.Session()))
    made_of = Outputs("http://api", None, "eu-west-1", "topic", "pool", "client", {})
    monkeypatch.setattr("ops.cli.outputs_of", lambda _: made_of)
    monkeypatch.setattr(Shop, "products", lambda _: [])
    answer = run.invoke(app, ["--stage", stage, "order", "place"])
    assert answer.exit_code == 1
    assert f"the catalogue is empty; {fills}" in answer.output


def test_the_installed_command_starts_wherever_it_is_called(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "tidings"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")
    assert "order" in done.stdout
