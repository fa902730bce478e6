"""The command `tidings deploy`: the stacks that nothing declares, and the events that subscriptions missed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.deploy.cdk import synthesized_stacks
from ops.deploy.commands import app as deploy_app
from ops.deploy.commands import replayable_services
from ops.deploy.missed import MARGIN, RECENT, Missed, ReplayRecord, missed_events
from ops.deploy.stacks import name_undeclared_stacks, undeclared_stacks
from tidings.core.clock import now

NOW = 10 * RECENT
CHANGED = NOW - 5


def test_a_consumer_whose_subscription_changed_may_have_missed_events_from_a_minute_before() -> None:
    (missed,) = missed_events({"fraud": CHANGED, "loyalty": 0}, {}, ["fraud", "loyalty"], NOW)
    assert missed == Missed("fraud", CHANGED)
    assert MARGIN == 60_000
    assert Missed("fraud", MARGIN).start == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("changed", "replayed", "replayable"),
    [(NOW - RECENT, {}, ["fraud"]), (CHANGED, {"fraud": CHANGED}, ["fraud"]), (CHANGED, {}, ["loyalty"])],
    ids=["long ago", "replayed already", "not replayable"],
)
def test_an_old_change_a_replayed_change_and_a_service_without_replays_are_skipped(
    changed: int, replayed: dict[str, int], replayable: list[str]
) -> None:
    assert missed_events({"fraud": changed}, replayed, replayable, NOW) == []


def test_a_later_change_of_a_replayed_subscription_is_replayed_again() -> None:
    assert missed_events({"fraud": CHANGED}, {"fraud": CHANGED - 1}, ["fraud"], NOW)


def test_the_subscription_that_changed_first_comes_first() -> None:
    found = missed_events({"a": CHANGED, "b": CHANGED - 1}, {}, ["a", "b"], NOW)
    assert [missed.consumer for missed in found] == ["b", "a"]


def test_a_deployment_that_broke_off_replays_the_rest(tmp_path: Path) -> None:
    ReplayRecord(tmp_path, "dev").add(Missed("a", 1))
    record = ReplayRecord(tmp_path, "dev")
    record.add(Missed("b", 2))
    assert record.load() == {"a": 1, "b": 2}
    assert ReplayRecord(tmp_path, "prod").load() == {}


def test_a_damaged_record_replays_too_much_and_never_too_little(tmp_path: Path) -> None:
    record = ReplayRecord(tmp_path, "dev")
    record.add(Missed("a", 1))
    next(tmp_path.iterdir()).write_text("{")
    assert record.load() == {}


def test_no_event_is_replayed_to_the_event_log_or_to_an_observer() -> None:
    replayable = replayable_services()
    assert {"orders", "payment", "notification", "analytics"} <= set(replayable)
    assert not {"history", "live"} & set(replayable)


def test_the_declared_stacks_are_those_of_the_assembly(tmp_path: Path) -> None:
    stack = "aws:cloudformation:stack"
    artifacts = {
        "tidings-dev-bus": {"type": stack, "properties": {"templateFile": "a"}},
        "Named": {"type": stack, "properties": {"templateFile": "b", "stackName": "tidings-dev-api"}},
        "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    assert synthesized_stacks(tmp_path) == {"tidings-dev-bus", "tidings-dev-api"}


class DevStage:
    """A stage with the stacks of three stages."""

    name = "dev"
    prefix = "tidings-dev-"

    def command(self, arguments: str) -> str:
        return f"tidings --stage dev {arguments}"

    def client(self, _service: str) -> "DevStage":
        return self

    def get_paginator(self, operation: str) -> "DevStage":
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        names = ("tidings-dev-popularity", "tidings-dev-bus", "tidings-prod-popularity", "CDKToolkit")
        return [{"Stacks": [{"StackName": name}]} for name in names]


def test_a_deployed_stack_of_the_stage_that_nothing_declares_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    stage: Any = DevStage()
    assert undeclared_stacks(stage, {"tidings-dev-bus"}) == ["tidings-dev-popularity"]
    name_undeclared_stacks(stage, {"tidings-dev-bus"})
    text = " ".join(capsys.readouterr().err.split())
    assert "The stack tidings-dev-popularity is deployed, but nothing in this folder declares it" in text
    assert "tidings --stage dev retire popularity removes it in order." in text


def test_the_local_stage_is_not_deployed_by_this_command(tmp_path: Path) -> None:
    answer = CliRunner(env={"TIDINGS_LOCAL": str(tmp_path)}).invoke(app, ["deploy"])
    assert answer.exit_code == 1
    assert "the stage local is for the local cloud: make run deploys it" in answer.output


@pytest.mark.parametrize(("options", "replayed"), [(["--first"], []), ([], ["payment"])])
def test_a_first_deployment_replays_nothing_and_neither_does_the_next(
    options: list[str], replayed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    stage, outputs = DevStage(), SimpleNamespace(consumers=["payment"])
    work: Any = SimpleNamespace(is_local=False, stage=stage, outputs=outputs, directory=tmp_path)
    for name, result in {
        "deploy_stacks": None,
        "upload_": None,
        "synthesized_stacks": frozenset({"tidings-dev-bus", "tidings-dev-popularity"}),
        "changed_subscriptions": {"payment": now()},
    }.items():
        monkeypatch.setattr(f"ops.deploy.commands.{name}", lambda *_, result=result, **__: result)
    monkeypatch.setattr("ops.deploy.commands._replay", lambda _work, missed: done.append(missed.consumer))
    runner = CliRunner()
    for each in (options, []):
        answer = runner.invoke(deploy_app, each, obj=work)
        assert answer.exit_code == 0, answer.output
    assert done == replayed
