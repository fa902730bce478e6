"""A service is its folder: adding one is all there is to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.services import ROOT
from tests.infra.alarms import RULES, alarms, kinds_of, unlike
from tests.infra.synthesis import CONTEXT, SHARED, Synthesis

DECLARATION = '''"""Counts orders."""

from msgspec import Struct

from tidings.contracts import OrderPlaced
from tidings.service import Service


class Count(Struct, frozen=True):
    """How many there were."""

    orders: int = 0


def count(item: object, event: object) -> None:
    """Counts one more."""


service = Service(name="scoreboard", state=Count, reactions={OrderPlaced: count})
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that has one folder more."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("tidings", "functions", "infra"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements-layer.txt"):
        shutil.copy(ROOT / name, copy)
    (copy / "functions" / "scoreboard").mkdir()
    (copy / "functions" / "scoreboard" / "service.py").write_text(DECLARATION)
    return copy


@pytest.fixture(scope="module")
def extended(project: Path) -> Synthesis:
    done = run(project)
    assert done.returncode == 0, done.stderr
    return Synthesis("dev", project / "cdk.out")


def run(project: Path, **context: str) -> "subprocess.CompletedProcess[str]":
    """Runs a project's app as the CDK's command line does."""
    told = {"CDK_OUTDIR": str(project / "cdk.out"), "CDK_CONTEXT_JSON": json.dumps(CONTEXT | context)}
    return subprocess.run(
        [sys.executable, "app.py"], cwd=project, env=os.environ | told, capture_output=True, text=True, check=False
    )


def test_one_folder_more_is_one_stack_more_and_changes_no_other_but_the_dashboards(
    dev: Synthesis, extended: Synthesis
) -> None:
    # The copy has built its layer and its assets anew: equal templates say that these are the same to the byte.
    added, before = extended.templates, dev.templates
    assert added.keys() - before.keys() == {"scoreboard"}
    assert {name for name in before if added[name] != before[name]} == {"monitoring"}


def test_one_folder_more_has_all_alarms_and_a_place_in_the_dashboard_without_more(
    dev: Synthesis, extended: Synthesis
) -> None:
    assert kinds_of(extended, "scoreboard") == {
        "dlq-depth": 1,
        "undelivered-depth": 1,
        "queue-age": 1,
        "errors": 1,
        "throttles": 1,
        "duration": 1,
    }
    assert unlike([alarm for alarm in alarms(extended) if alarm.stack == "scoreboard"], RULES) == []
    shown = [json.dumps(each.resources("AWS::CloudWatch::Dashboard")[0].properties) for each in (dev, extended)]
    assert ["tidings-dev-scoreboard-consumer" in body for body in shown] == [False, True]
    asked = [each.resources("AWS::CloudWatch::CompositeAlarm")[0].properties["AlarmRule"] for each in (dev, extended)]
    assert ['ALARM("tidings-dev-scoreboard-dlq-depth")' in rule for rule in asked] == [False, True]


def test_a_new_folder_has_all_that_a_service_has(extended: Synthesis) -> None:
    extended.only("scoreboard", "AWS::DynamoDB::Table", TableName="tidings-dev-scoreboard")
    extended.only("scoreboard", "AWS::SNS::Subscription", FilterPolicy={"type": ["OrderPlaced"]})
    extended.only("scoreboard", "AWS::Lambda::Function", FunctionName="tidings-dev-scoreboard-consumer")


def test_the_stage_is_dev_unless_another_is_named(extended: Synthesis) -> None:
    assert extended.files


def test_an_unknown_stage_is_refused_in_one_line(project: Path) -> None:
    done = run(project, stage="production")
    assert done.returncode == 1
    assert done.stderr == "There is no stage 'production'; choose one of local, dev, prod with -c stage=...\n"


def test_a_service_with_another_name_than_its_folders_is_refused(project: Path) -> None:
    folder = project / "functions" / "misnamed"
    folder.mkdir()
    (folder / "service.py").write_text(DECLARATION)
    done = run(project)
    shutil.rmtree(folder)
    assert done.returncode == 1
    assert "its name must be its folder's" in done.stderr


def test_a_services_stack_tells_where_its_things_are(dev: Synthesis) -> None:
    templates = dev.templates
    for stack in templates.keys() - SHARED:
        assert {"Queue", "Dlq", "Table", "Function"} <= templates[stack]["Outputs"].keys()
    assert {"ApiId", "ApiUrl", "UserPool", "Client"} <= templates["api"]["Outputs"].keys()
    assert "Topic" in templates["bus"]["Outputs"]
