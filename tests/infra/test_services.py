"""A service is its folder: a new folder is all that a new service needs."""

import json
import shutil
from pathlib import Path

import pytest

from infra.discovery import ServiceFolder
from tests.infra.alarms import RULES, alarms, kinds_of, rule_breakers
from tests.infra.projects import changed_stacks, copy_project, run_app, synthesize_project
from tests.infra.synthesis import Synthesis

DECLARATION = '''"""Scoreboard: counts orders."""

from msgspec import Struct

from contracts.orders.order_placed import OrderPlaced
from tidings.core.decisions import Decision, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import Service, on


class Count(Struct, frozen=True):
    """Number of orders."""

    orders: int = 0


def on_order_placed(entity: Entity[Count], event: Event[OrderPlaced]) -> Decision[Count]:
    """Count the order."""
    return Save(Count(1))


service = Service(name="scoreboard", state=Count, handlers=(on(OrderPlaced, on_order_placed),))
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with another service."""
    copy = copy_project(tmp_path_factory.mktemp("project"))
    (copy / "functions" / "scoreboard").mkdir()
    (copy / "functions" / "scoreboard" / "service.py").write_text(DECLARATION)
    return copy


@pytest.fixture(scope="module")
def extended(project: Path) -> Synthesis:
    return synthesize_project(project)


def test_a_new_folder_adds_one_stack_and_changes_only_those_that_observe_all(
    dev: Synthesis, extended: Synthesis
) -> None:
    # The copy has built its layers and assets again, so equal templates show that these are equal to the byte.
    assert extended.templates.keys() - dev.templates.keys() == {"scoreboard"}
    assert changed_stacks(dev, extended) == {"monitoring", "operations"}


def test_operators_see_a_new_folder_without_more(extended: Synthesis) -> None:
    function = extended.only("operations", "AWS::Lambda::Function")
    services = json.loads(function.properties["Environment"]["Variables"]["SERVICES"])
    assert ["scoreboard", "counts orders.", "standard"] in [each[:3] for each in services]


def test_a_new_folder_has_all_alarms_and_is_on_the_dashboard(dev: Synthesis, extended: Synthesis) -> None:
    assert kinds_of(extended, "scoreboard") == {
        "dlq-depth": 1,
        "undelivered-depth": 1,
        "queue-age": 1,
        "messages-waiting": 1,
        "errors": 1,
        "throttles": 1,
        "duration": 1,
        "mapping-stopped": 1,
    }
    assert rule_breakers([alarm for alarm in alarms(extended) if alarm.stack == "scoreboard"], RULES) == []
    shown = [json.dumps(each.resources("AWS::CloudWatch::Dashboard")[0].properties) for each in (dev, extended)]
    assert ["tidings-dev-scoreboard-consumer" in body for body in shown] == [False, True]
    rules = [each.resources("AWS::CloudWatch::CompositeAlarm")[0].properties["AlarmRule"] for each in (dev, extended)]
    assert ['ALARM("tidings-dev-scoreboard-dlq-depth")' in rule for rule in rules] == [False, True]


def test_a_new_folder_has_a_table_a_subscription_and_a_consumer(extended: Synthesis) -> None:
    extended.only("scoreboard", "AWS::DynamoDB::Table", TableName="tidings-dev-scoreboard")
    extended.only("scoreboard", "AWS::SNS::Subscription", FilterPolicy={"type": ["OrderPlaced"]})
    extended.only("scoreboard", "AWS::Lambda::Function", FunctionName="tidings-dev-scoreboard-consumer")


def test_the_stage_is_dev_unless_another_is_named(extended: Synthesis) -> None:
    assert extended.files


def test_an_unknown_stage_is_refused_with_one_line(project: Path) -> None:
    done = run_app(project, stage="production")
    assert done.returncode == 1
    assert done.stderr == "There is no stage 'production'; choose one of local, dev, prod with -c stage=...\n"


def test_a_service_whose_name_is_not_its_folders_is_refused(project: Path) -> None:
    folder = project / "functions" / "misnamed"
    folder.mkdir()
    (folder / "service.py").write_text(DECLARATION)
    done = run_app(project)
    shutil.rmtree(folder)
    assert done.returncode == 1
    assert "its name must be its folder's" in done.stderr


def test_stacks_have_outputs_for_their_resources(dev: Synthesis, services: tuple[ServiceFolder, ...]) -> None:
    templates = dev.templates
    assert {"ApiId", "ApiUrl", "WebSocketApiId", "WebSocketUrl"} <= templates["api"]["Outputs"].keys()
    outputs = templates["users"]["Outputs"].keys()
    assert {"Client", "OperatorClient"} | {
        f"{kind}{each}" for kind in ("User", "Operator") for each in ("Pool", "Domain")
    } <= outputs
    assert {"PageUrl", "Bucket", "Distribution", "Page"} <= templates["web"]["Outputs"].keys()
    for found in services:
        queues = {"Queue", "Dlq", "Function"} if found.service.consumes else set()
        assert {"Table"} | queues <= templates[found.name]["Outputs"].keys()
    assert "Topic" in templates["bus"]["Outputs"]


def test_a_service_without_events_has_routes_and_a_table_and_neither_queue_nor_relay(
    dev: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    without = [found.name for found in services if not found.service.consumes and not found.service.announces]
    assert without == ["operations"]
    dev.only("operations", "AWS::DynamoDB::Table", TableName="tidings-dev-operations")
    dev.only("operations", "AWS::Lambda::Function", FunctionName="tidings-dev-operations-api")
    kinds = ("AWS::SQS::Queue", "AWS::SNS::Subscription", "AWS::Lambda::EventSourceMapping")
    assert [each for each in dev.resources(*kinds) if each.stack == "operations"] == []
