"""The watch over mappings, streams and iterators: its function, its rights and its alarms."""

import importlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from infra.discovery import ServiceFolder
from tests.infra.alarms import alarms, kind_of
from tests.infra.synthesis import Resource, Synthesis
from tests.infra.test_permissions import allowed
from tidings.aws.watch import Problem, WatchedService, WatchReport

EVERY_STAGE = pytest.mark.parametrize("stage", ["local", "dev", "prod"])


def function(synthesis: Synthesis) -> Resource:
    return synthesis.only("monitoring", "AWS::Lambda::Function")


def variables(synthesis: Synthesis) -> dict[str, str]:
    return dict(function(synthesis).properties["Environment"]["Variables"])


@EVERY_STAGE
def test_the_watch_knows_every_mapping_and_the_table_of_every_relay(
    stage: str, synthesis: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    watched = msgspec.json.decode(variables(synthesis)["WATCHED"], type=tuple[WatchedService, ...])
    assert {each.name for each in watched} == {found.name for found in services}
    prefix = variables(synthesis)["PREFIX"]
    functions = {
        f"{prefix}{each.name}-{role}": role in each.relays for each in watched for role in each.consumers + each.relays
    }
    mapped = {
        synthesis.mapped(each): "StartingPosition" in each.properties
        for each in synthesis.resources("AWS::Lambda::EventSourceMapping")
    }
    assert functions == mapped
    streams = {
        each.properties["TableName"]
        for each in synthesis.resources("AWS::DynamoDB::Table")
        if "StreamSpecification" in each.properties
    }
    assert {each.table for each in watched if each.relays} == streams
    assert prefix == f"tidings-{stage}-"


def test_the_environment_of_the_watch_is_far_from_lambdas_limit(prod: Synthesis) -> None:
    assert len(json.dumps(variables(prod))) < 2_000


def test_the_watch_may_read_the_state_of_mappings_tables_and_metrics_and_nothing_else(prod: Synthesis) -> None:
    rights = allowed(prod, "monitoring", "watch")
    actions = {action: found for action, found in rights.items() if not action.startswith(("xray", "logs"))}
    assert actions.keys() == {
        "lambda:ListEventSourceMappings",
        "cloudwatch:GetMetricData",
        "dynamodb:DescribeTable",
    }
    watched = msgspec.json.decode(variables(prod)["WATCHED"], type=tuple[WatchedService, ...])
    named = [each["Fn::Join"][1][-1] for each in actions["dynamodb:DescribeTable"]]
    assert named == [f":table/{each.table}" for each in watched if each.relays]


def test_the_watch_runs_every_five_minutes_and_its_schedule_may_invoke_nothing_else(prod: Synthesis) -> None:
    schedule = prod.only("monitoring", "AWS::Scheduler::Schedule").properties
    assert (schedule["Name"], schedule["ScheduleExpression"]) == ("tidings-prod-monitoring-watch", "rate(5 minutes)")
    assert schedule["Target"]["Arn"] == {"Ref": prod.alias(function(prod)).id}
    invoked = [
        resource
        for policy, action, resource in prod.allowed()
        if policy.stack == "monitoring" and action == "lambda:InvokeFunction"
    ]
    assert invoked == [schedule["Target"]["Arn"]]


@EVERY_STAGE
def test_a_relay_is_reported_at_half_of_the_age_at_which_it_gives_up(synthesis: Synthesis) -> None:
    (hours,) = {
        each.properties["MaximumRecordAgeInSeconds"] / 3600
        for each in synthesis.resources("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in each.properties
    }
    assert float(variables(synthesis)["MAX_ITERATOR_SECONDS"]) == hours * 3600 / 2


@EVERY_STAGE
def test_every_mapping_has_an_alarm_and_every_relay_one_on_its_stream_and_one_on_its_iterator(
    stage: str, synthesis: Synthesis
) -> None:
    found = {alarm.properties["AlarmName"]: kind_of(alarm) for alarm in alarms(synthesis)}
    kinds = ("mapping-stopped", "stream-changed", "iterator-behind")
    expected: dict[str, str] = {}
    for mapping in synthesis.resources("AWS::Lambda::EventSourceMapping"):
        name = synthesis.mapped(mapping)
        is_stream = "StartingPosition" in mapping.properties
        expected |= {f"{name}-{kind}": kind for kind in (kinds if is_stream else kinds[:1])}
    assert len(expected) > 20
    assert {name: kind for name, kind in found.items() if kind in kinds} == expected
    assert stage in variables(synthesis)["PREFIX"]


def test_a_watch_that_does_not_run_has_an_alarm_with_the_period_of_its_schedule(prod: Synthesis) -> None:
    (missing,) = [alarm for alarm in alarms(prod) if kind_of(alarm) == "watch-missing"]
    assert missing.stack == "monitoring"
    assert missing.properties["Period"] == 300


# The function


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Callable[[WatchReport], dict[str, Any]]:
    """Run the function on the problems of a run."""
    for name, value in {"STAGE": "dev", "WATCHED": "[]", "PREFIX": "a-", "MAX_ITERATOR_SECONDS": "1"}.items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module("infra.watch.function")

    def run(found: WatchReport) -> dict[str, Any]:
        watch = type("Run", (), {"run": lambda _: found})()
        monkeypatch.setattr(module, "_watch", watch)
        monkeypatch.setattr(module, "_stage", "dev")
        answer: dict[str, Any] = module.handler({}, None)
        return answer

    return run


def test_the_function_answers_the_problems_and_reports_their_number_by_service_and_kind(
    report: Callable[[WatchReport], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    problems = (
        Problem("desk", "mapping", "desk-consumer", "It has no event source mapping."),
        Problem("desk", "mapping", "desk-relay", "Its last batch failed."),
        Problem("desk", "stream", "desk-relay", "Its table has no stream."),
        Problem("team", "iterator", "team-relay", "It is 7.0 hours behind its table."),
    )
    answer = report(WatchReport(problems))
    assert msgspec.convert(answer, WatchReport) == WatchReport(problems)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = ("MappingsStopped", "StreamsChanged", "IteratorsBehind", "ProblemsFound")
    assert [(line["Service"], {name: line[name] for name in names if name in line}) for line in lines] == [
        ("desk", {"MappingsStopped": 2, "StreamsChanged": 1}),
        ("team", {"IteratorsBehind": 1}),
        ("monitoring", {"ProblemsFound": 4}),
    ]


def test_a_run_without_problems_reports_that_it_ran(
    report: Callable[[WatchReport], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert msgspec.convert(report(WatchReport(())), WatchReport) == WatchReport(())
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (line["Service"], line["ProblemsFound"]) == ("monitoring", 0)
