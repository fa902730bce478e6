"""Versions of functions: the alias that each is invoked by, and how the traffic of APIs shifts to a new version."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.stages import STAGES
from tests.infra.alarms import alarms, kind_of
from tests.infra.synthesis import Resource, Synthesis

EVERY_STAGE = pytest.mark.parametrize("stage", STAGES)
SERVING = ("api", "document", "authorizer", "websocket", "webhooks", "bank")
"""The roles of the functions that answer requests."""


def role_of(function: Resource) -> str:
    return str(function.properties["FunctionName"]).rpartition("-")[2]


def serving(synthesis: Synthesis) -> list[Resource]:
    return [each for each in synthesis.resources("AWS::Lambda::Function") if role_of(each) in SERVING]


@EVERY_STAGE
def test_every_function_has_an_alias_at_its_current_version(synthesis: Synthesis) -> None:
    functions = synthesis.resources("AWS::Lambda::Function")
    for function in functions:
        alias = synthesis.alias(function)
        assert alias.properties["Name"] == "live"
        version, attribute = alias.properties["FunctionVersion"]["Fn::GetAtt"]
        assert attribute == "Version"
        published = synthesis.templates[function.stack]["Resources"][version]
        assert published["Properties"]["FunctionName"] == {"Ref": function.id}
    assert len(synthesis.resources("AWS::Lambda::Alias")) == len(functions)


@EVERY_STAGE
def test_nothing_invokes_a_function_but_by_its_alias(synthesis: Synthesis) -> None:
    functions = {(each.stack, each.id) for each in synthesis.resources("AWS::Lambda::Function")}
    kinds = {
        "AWS::Lambda::EventSourceMapping": "FunctionName",
        "AWS::Lambda::Permission": "FunctionName",
        "AWS::ApiGatewayV2::Integration": "IntegrationUri",
        "AWS::ApiGatewayV2::Authorizer": "AuthorizerUri",
        "AWS::Scheduler::Schedule": "Target",
    }
    for kind, member in kinds.items():
        found = [each for each in synthesis.resources(kind) if member in each.properties]
        assert found
        for each in found:
            # A schedule's target also names its role.
            text = json.dumps(each.properties[member]["Arn"] if member == "Target" else each.properties[member])
            names = {name for stack, name in functions if stack == each.stack and f'"{name}"' in text}
            assert names == set(), (each.stack, each.id)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_traffic_of_every_function_that_answers_requests_shifts_gradually_and_returns_on_its_alarm(
    synthesis: Synthesis,
) -> None:
    functions = serving(synthesis)
    assert len(functions) > 10
    for function in functions:
        name = function.properties["FunctionName"]
        group = synthesis.only(function.stack, "AWS::CodeDeploy::DeploymentGroup", DeploymentGroupName=name)
        assert group.properties["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert "DEPLOYMENT_STOP_ON_ALARM" in group.properties["AutoRollbackConfiguration"]["Events"]
        (alarm,) = group.properties["AlarmConfiguration"]["Alarms"]
        watched = synthesis.templates[function.stack]["Resources"][alarm["Name"]["Ref"]]["Properties"]
        assert watched["AlarmName"] == f"{name.rpartition('-')[0]}-{role_of(function)}-release"
        shift = synthesis.alias(function).body["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert shift["DeploymentGroupName"] == {"Ref": group.id}
    assert len(synthesis.resources("AWS::CodeDeploy::DeploymentGroup")) == len(functions)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_alarm_on_a_release_counts_the_failures_of_the_new_version_only(synthesis: Synthesis) -> None:
    found = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "release"]
    assert len(found) == len(serving(synthesis))
    for alarm in found:
        metrics = [each["MetricStat"]["Metric"] for each in alarm.properties["Metrics"] if "MetricStat" in each]
        assert {metric["MetricName"] for metric in metrics} == {"Errors", "ErrorsLogged"}
        for metric in metrics:
            version = dimension(metric, "ExecutedVersion") or dimension(metric, "function_version")
            assert version["Fn::GetAtt"][1] == "Version"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_errors_in_the_log_of_a_function_that_answers_requests_are_counted_by_version(synthesis: Synthesis) -> None:
    filters = synthesis.resources("AWS::Logs::MetricFilter")
    assert len(filters) == len(serving(synthesis))
    for each in filters:
        assert each.properties["FilterPattern"] == '{ $.level = "ERROR" }'
        (counted,) = each.properties["MetricTransformations"]
        assert {one["Key"]: one["Value"] for one in counted["Dimensions"]} == {
            "function_name": "$.function_name",
            "function_version": "$.function_version",
        }


def test_the_emulator_moves_all_traffic_at_once(local: Synthesis) -> None:
    assert local.resources("AWS::CodeDeploy::DeploymentGroup", "AWS::Logs::MetricFilter") == []


def test_functions_that_answer_requests_start_from_snapshots_in_prod_and_no_others(
    prod: Synthesis, dev: Synthesis, local: Synthesis
) -> None:
    found = {
        each.properties["FunctionName"]
        for each in prod.resources("AWS::Lambda::Function")
        if each.properties.get("SnapStart") == {"ApplyOn": "PublishedVersions"}
    }
    assert found == {each.properties["FunctionName"] for each in serving(prod)}
    for synthesis in (dev, local):
        assert not any("SnapStart" in each.properties for each in synthesis.resources("AWS::Lambda::Function"))


@pytest.mark.parametrize(("python", "has"), [("3.11", False), ("3.12", True), ("3.13", True)])
def test_only_a_runtime_that_lambda_has_snapshots_for_starts_from_one(python: str, has: bool) -> None:
    assert replace(STAGES["prod"], python=python).has_snap_start is has
    assert not replace(STAGES["prod"], python=python, snap_start=False).has_snap_start


def dimension(metric: dict[str, Any], name: str) -> Any:
    return next((each["Value"] for each in metric["Dimensions"] if each["Name"] == name), None)
