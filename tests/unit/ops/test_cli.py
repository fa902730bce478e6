import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.local.cloud import LocalCloud, Running
from ops.orders import ShopClient
from ops.outputs import Outputs, Pool
from ops.stage import ROOT, STAGES, DeployedStage
from tidings import __version__


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize("line", ["sku:many", ":2", "sku:-1", "sku:1:2", "sku:\u0663", f"sku:{'9' * 5000}"])
def test_a_line_that_is_not_sku_and_quantity_is_refused(run: CliRunner, line: str) -> None:
    answer = run.invoke(app, ["orders", "place", "--sku", line])
    assert answer.exit_code == 2
    assert "is not SKU:QUANTITY" in answer.output


@pytest.mark.parametrize("key", ["", "a,b", "\u00fc", "a\nb", "a" * 256])
def test_a_text_that_is_no_idempotency_key_is_refused(run: CliRunner, key: str) -> None:
    answer = run.invoke(app, ["orders", "place", "--key", key])
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: {key!r} is not an idempotency key, which has 1 to 255 visible ASCII")


@pytest.mark.parametrize("command", ["up", "down", "demo", "break gateway", "mend gateway"])
def test_a_command_for_the_local_cloud_refuses_another_stage(run: CliRunner, command: str) -> None:
    answer = run.invoke(app, ["--stage", "prod", *command.split()])
    assert answer.exit_code == 1
    assert "make deploy STAGE=prod" in answer.output


@pytest.mark.parametrize("order", ["", "1", "#stock", "stock#probe", "B7AD6B71-6920-4333-9C31-8448EB211C80"])
@pytest.mark.parametrize("command", [["relay"], ["replay", "fraud"]])
def test_a_text_that_is_no_orders_id_is_refused(run: CliRunner, command: list[str], order: str) -> None:
    answer = run.invoke(app, [*command, "--order", order])
    assert answer.exit_code == 1
    assert f"{order!r} is not an order's id" in answer.output


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(run: CliRunner) -> None:
    answer = run.invoke(app, ["break", "everything"])
    assert answer.exit_code == 2
    assert "'everything' is not one of 'poison', 'gateway', 'relay'" in answer.output


@pytest.mark.parametrize(
    ("fault", "command"), [("poison", "dlq drop loyalty --reason undecodable"), ("relay", "resume orders-relay")]
)
def test_a_fault_that_operators_mend_is_mended_by_their_command(run: CliRunner, fault: str, command: str) -> None:
    answer = run.invoke(app, ["mend", fault])
    assert answer.exit_code == 1
    assert answer.output == f"Error: this fault is mended as an operator mends it: tidings {command}\n"


@pytest.mark.parametrize("port", ["0", "65536", "many"])
def test_an_invalid_port_is_refused(run: CliRunner, port: str) -> None:
    assert run.invoke(app, ["up", "--port", port]).exit_code == 2


@pytest.mark.parametrize("status", ["0", "6", "5xx", "5031", "many"])
def test_an_invalid_status_is_refused(run: CliRunner, status: str) -> None:
    answer = run.invoke(app, ["logs", "api", "--status", status])
    assert answer.exit_code == 2
    assert "is not a status like 503" in answer.output


@pytest.mark.parametrize(
    "arguments",
    [["api", "--problems"], ["api", "--runs"], ["orders-api", "--status", "5"]],
    ids=lambda arguments: arguments[1],
)
def test_a_filter_for_the_other_kind_of_log_is_refused(run: CliRunner, arguments: list[str]) -> None:
    answer = run.invoke(app, ["logs", *arguments])
    assert answer.exit_code == 1
    assert "--status is for the access log (api)" in answer.output


@pytest.mark.parametrize(
    ("stage", "remedy"),
    [("local", "tidings demo fills it"), ("dev", "an operator fills it; see docs/guides/deploy.md")],
)
def test_the_error_about_an_empty_catalogue_names_the_remedy_on_this_stage(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, stage: str, remedy: str
) -> None:
    monkeypatch.setenv("TIDINGS_TOKEN", "a-token")
    monkeypatch.setattr("ops.context.stage_named", lambda name, _: DeployedStage(name, "eu-west-1", boto3.Session()))
    outputs = Outputs("http://api", None, "eu-west-1", "topic", Pool("pool", "client"), Pool("pool", "client"), {})
    monkeypatch.setattr("ops.context.outputs_of", lambda _: outputs)
    monkeypatch.setattr(ShopClient, "products", lambda _: [])
    answer = run.invoke(app, ["--stage", stage, "orders", "place"])
    assert answer.exit_code == 1
    assert f"the catalogue is empty; {remedy}" in answer.output


def test_the_installed_command_starts_in_any_folder(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "tidings"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")
    assert "orders" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "access",
        "dlq",
        "faults",
        "goods",
        "local",
        "mappings",
        "monitoring",
        "orders",
        "pages",
        "recover",
        "relay",
        "replay",
        "sales",
        "scaffold",
    ],
)
def test_each_command_family_is_part_of_the_command(run: CliRunner, command: str) -> None:
    names = {
        "access": ["outputs", "token"],
        "dlq": ["dlq"],
        "faults": ["break", "mend"],
        "goods": ["products", "stock", "shipments"],
        "mappings": ["resume"],
        "sales": ["sales"],
        "local": ["up", "down", "demo"],
        "monitoring": ["alarms", "logs"],
        "orders": ["orders", "timeline"],
        "pages": ["pages"],
        "recover": ["close", "recover", "open"],
        "relay": ["relay"],
        "replay": ["replay"],
        "scaffold": ["new"],
    }[command]
    for name in names:
        for option in ("-h", "--help"):
            answer = run.invoke(app, [name, option])
            assert answer.exit_code == 0
            assert f"{name} [OPTIONS]" in answer.output


@pytest.mark.parametrize("command", [["dlq", "list"], ["orders", "place"], ["new", "consumer"]])
def test_a_command_of_a_family_shows_its_help_by_a_short_option(run: CliRunner, command: list[str]) -> None:
    answer = run.invoke(app, [*command, "-h"])
    assert answer.exit_code == 0
    assert f"{' '.join(command)} [OPTIONS]" in answer.output


@pytest.mark.parametrize(
    "family",
    [[], *([name] for name in ("demo", "dlq", "orders", "pages", "payments", "products", "stock", "shipments", "new"))],
)
def test_the_list_of_commands_cuts_no_sentence_in_eighty_columns(run: CliRunner, family: list[str]) -> None:
    answer = run.invoke(app, [*family, "-h"], terminal_width=80)
    listed = answer.output.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_the_command_prints_its_version(run: CliRunner) -> None:
    answer = run.invoke(app, ["--version"])
    assert (answer.exit_code, answer.output) == (0, f"tidings {__version__}\n")


@pytest.mark.parametrize(
    ("words", "completed"),
    [("tidings dl", "dlq"), ("tidings --stage pr", "prod"), ("tidings dlq show war", "warehouse")],
)
def test_the_shell_completes_commands_stages_and_services(words: str, completed: str) -> None:
    asked = {"_TIDINGS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "ops"],
        env=os.environ | asked,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [completed]


def test_the_stages_are_those_of_the_infrastructure() -> None:
    # This imports the CDK, which the other tests do not need.
    from infra.stages import STAGES as DEPLOYABLE

    assert tuple(DEPLOYABLE) == STAGES


@pytest.mark.parametrize("command", [["alarms"], ["dlq", "list"], ["outputs"], ["up"], ["orders", "expire"]])
def test_a_stage_that_does_not_exist_is_not_deployed(run: CliRunner, command: list[str]) -> None:
    answer = run.invoke(app, command, env={"TIDINGS_STAGE": "prd"})
    assert answer.exit_code == 1
    assert answer.output == (
        "Error: the stage 'prd' is not deployed, because no such stage exists; "
        "set --stage or TIDINGS_STAGE to one of local, dev, prod\n"
    )


@pytest.mark.parametrize("command", [["up"], ["up", "--app", "examples.helpdesk.app"]])
def test_an_interrupted_deployment_says_what_still_runs_and_how_to_go_on_or_end_it(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalCloud, "start", lambda _, __: Running(1, 4600))
    monkeypatch.setattr(LocalCloud, "running", lambda _: Running(1, 4600))
    monkeypatch.setattr("ops.local.commands.deploy", interrupt)
    answer = run.invoke(app, command)
    again = "The same command" if "--app" in command else "make run"
    assert answer.exit_code != 0
    assert (
        f"Interrupted. The local cloud still runs at http://127.0.0.1:4600. {again} continues the deployment; "
        "make stop ends the cloud.\n"
    ) in answer.output


def test_a_cloud_whose_start_is_interrupted_may_still_be_starting(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalCloud, "start", interrupt)
    answer = run.invoke(app, ["up"])
    assert "Interrupted. The local cloud may still be starting. make run continues" in answer.output


def test_ctrl_c_while_the_command_is_being_imported_prints_no_traceback() -> None:
    program = """
import os, signal, sys

class Interruption:
    def find_spec(self, name, path=None, target=None):
        if name == "ops.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interruption())
from ops.__main__ import main
main()
"""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
