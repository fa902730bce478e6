"""Whatever runs or waits is watched, and whoever is on duty hears of it."""

import json
import re
from collections import defaultdict

import pytest

from infra.alarms import RUNBOOK
from infra.dashboard import PROMISE
from infra.services import ROOT, Found
from infra.stages import STAGES
from tests.infra.alarms import LOCAL_RULES, RULES, Rule, alarms, kind_of, unlike
from tests.infra.synthesis import Resource, Synthesis

LONGEST_NAME = 255
ACCOUNT = {"Ref": "AWS::AccountId"}
EVERY_STAGE = pytest.mark.parametrize("stage", ["local", "dev", "prod"])


@pytest.fixture
def synthesis(stage: str, request: pytest.FixtureRequest) -> Synthesis:
    found: Synthesis = request.getfixturevalue(stage)
    return found


def watched(synthesis: Synthesis) -> dict[tuple[str, str], set[str]]:
    """The kinds of alarms on each resource, by its stack and id."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for alarm in alarms(synthesis):
        for dimension in dimensions(alarm):
            value = dimension["Value"]
            if isinstance(value, dict):
                found[alarm.stack, value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]].add(kind_of(alarm))
    return found


def dimensions(alarm: Resource) -> list[dict[str, object]]:
    """Those of the alarm's metric, or of all metrics that it computes with."""
    metrics = [part["MetricStat"]["Metric"] for part in alarm.properties.get("Metrics", []) if "MetricStat" in part]
    return [each for metric in metrics or [alarm.properties] for each in metric["Dimensions"]]


@EVERY_STAGE
def test_every_queue_has_its_alarm_those_for_dead_letters_by_depth_the_others_by_age(synthesis: Synthesis) -> None:
    found = watched(synthesis)
    queues = synthesis.resources("AWS::SQS::Queue")
    assert len(queues) > 20
    for queue in queues:
        role = next(
            role
            for role in ("relay-dlq", "undelivered", "dlq", "")
            if queue.properties["QueueName"].removesuffix(".fifo").endswith(role)
        )
        assert found[queue.stack, queue.id] == {f"{role}-depth" if role else "queue-age"}, queue.id


@EVERY_STAGE
def test_every_function_is_watched_for_errors_throttles_and_a_time_out_that_comes_near(synthesis: Synthesis) -> None:
    found = watched(synthesis)
    functions = synthesis.resources("AWS::Lambda::Function")
    assert len(functions) > 20
    for function in functions:
        assert found[function.stack, function.id] >= {"errors", "throttles", "duration"}, function.id


@EVERY_STAGE
def test_every_relay_is_watched_for_being_behind_its_table(synthesis: Synthesis) -> None:
    found = watched(synthesis)
    streams = [
        mapping
        for mapping in synthesis.resources("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping.properties
    ]
    assert len(streams) == sum(name.endswith("-relay") for name in function_names(synthesis))
    for mapping in streams:
        assert "relay-lag" in found[mapping.stack, mapping.properties["FunctionName"]["Ref"]]


def function_names(synthesis: Synthesis) -> set[str]:
    return {function.properties["FunctionName"] for function in synthesis.resources("AWS::Lambda::Function")}


@EVERY_STAGE
def test_the_api_is_watched_for_failing_for_slowness_and_for_refusing(synthesis: Synthesis) -> None:
    (api,) = synthesis.resources("AWS::ApiGatewayV2::Api")
    assert watched(synthesis)[api.stack, api.id] == {"api-5xx", "api-latency", "api-4xx"}


@EVERY_STAGE
def test_the_sweep_is_expected_to_tell_something_as_often_as_it_is_run(synthesis: Synthesis) -> None:
    (silent,) = [alarm.properties for alarm in alarms(synthesis) if kind_of(alarm) == "sweep-silent"]
    (schedule,) = synthesis.resources("AWS::Scheduler::Schedule")
    assert (schedule.properties["ScheduleExpression"], silent["Period"]) == ("rate(1 minute)", 60)


@EVERY_STAGE
def test_orders_that_the_sweep_should_have_cancelled_are_told_minutes_later(stage: str, synthesis: Synthesis) -> None:
    (pending,) = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "sweep-pending"]
    assert pending.properties["Threshold"] == STAGES[stage].pending_limit + 300


@EVERY_STAGE
def test_a_run_comes_near_its_time_out_at_four_fifths_of_it(synthesis: Synthesis) -> None:
    functions = {(each.stack, each.id): each.properties for each in synthesis.resources("AWS::Lambda::Function")}
    for alarm in alarms(synthesis):
        if kind_of(alarm) == "duration":
            (dimension,) = alarm.properties["Dimensions"]
            function = functions[alarm.stack, dimension["Value"]["Ref"]]
            assert alarm.properties["Threshold"] == 800 * function["Timeout"]


@pytest.mark.parametrize(("stage", "rules"), [("local", LOCAL_RULES), ("dev", RULES), ("prod", RULES)])
def test_every_alarm_is_on_when_its_kind_must_be(synthesis: Synthesis, rules: dict[str, Rule]) -> None:
    assert {kind_of(alarm) for alarm in alarms(synthesis)} == rules.keys()
    assert unlike(alarms(synthesis), rules) == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_requests_refused_are_told_by_their_share_of_more_than_a_handful(synthesis: Synthesis) -> None:
    (refused,) = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "api-4xx"]
    (share,) = [part for part in refused.properties["Metrics"] if "Expression" in part]
    names = {
        part["Id"]: part["MetricStat"]["Metric"]["MetricName"]
        for part in refused.properties["Metrics"]
        if "MetricStat" in part
    }
    assert names == {"requests": "Count", "refused": "4xx"}
    assert share["Expression"] == "IF(requests > 50, 100 * refused / requests, 0)"


@EVERY_STAGE
def test_the_metrics_of_our_own_are_asked_for_under_the_dimensions_that_they_are_written_with(
    stage: str, synthesis: Synthesis
) -> None:
    for alarm in alarms(synthesis):
        if alarm.properties.get("Namespace") == "Tidings":
            assert {each["Name"]: each["Value"] for each in dimensions(alarm)} == {"Stage": stage, "Service": "orders"}


@EVERY_STAGE
def test_every_alarm_has_the_name_of_its_stage_and_service(stage: str, synthesis: Synthesis) -> None:
    names = [alarm.properties["AlarmName"] for alarm in alarms(synthesis)]
    assert len(set(names)) == len(names)
    for alarm in alarms(synthesis):
        assert re.fullmatch(rf"tidings-{stage}-{alarm.stack}-[a-z0-9-]+", alarm.properties["AlarmName"])
        assert len(alarm.properties["AlarmName"]) <= LONGEST_NAME


@EVERY_STAGE
def test_every_alarm_says_what_silence_means_and_tells_the_operators_of_its_beginning_and_its_end(
    stage: str, synthesis: Synthesis
) -> None:
    for alarm in [*alarms(synthesis), *synthesis.resources("AWS::CloudWatch::CompositeAlarm")]:
        if alarm.type == "AWS::CloudWatch::Alarm":
            assert alarm.properties["TreatMissingData"] in {"breaching", "notBreaching", "ignore"}
        assert alarm.properties["AlarmActions"] == alarm.properties["OKActions"]
        (told,) = alarm.properties["AlarmActions"]
        assert told["Fn::ImportValue"].startswith(f"tidings-{stage}-alarms:")


@EVERY_STAGE
def test_alarms_go_to_the_stages_addresses_over_an_encrypted_topic_that_cloudwatch_may_use(
    stage: str, synthesis: Synthesis
) -> None:
    topic = synthesis.only("alarms", "AWS::SNS::Topic")
    assert "KmsMasterKeyId" in topic.properties
    told = [each.properties for each in synthesis.resources("AWS::SNS::Subscription") if each.stack == "alarms"]
    assert [(each["Protocol"], each["Endpoint"]) for each in told] == [
        ("email", address) for address in STAGES[stage].alarm_addresses
    ]
    policy = synthesis.only("alarms", "AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    key = synthesis.only("alarms", "AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
    cloudwatch = [each for each in [*policy, *key] if "cloudwatch.amazonaws.com" in json.dumps(each["Principal"])]
    assert [each["Action"] for each in cloudwatch] == ["sns:Publish", ["kms:Decrypt", "kms:GenerateDataKey*"]]
    assert all(each["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}} for each in cloudwatch)


def test_real_stages_tell_somebody_and_the_local_one_nobody() -> None:
    assert {name: bool(stage.alarm_addresses) for name, stage in STAGES.items()} == {
        "local": False,
        "dev": True,
        "prod": True,
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_one_alarm_stands_over_all_that_mean_danger(synthesis: Synthesis) -> None:
    (promise,) = synthesis.resources("AWS::CloudWatch::CompositeAlarm")
    asked = re.findall(r'ALARM\("([^"]+)"\)', promise.properties["AlarmRule"])
    assert promise.properties["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in asked)
    assert set(asked) == {alarm.properties["AlarmName"] for alarm in alarms(synthesis) if kind_of(alarm) in PROMISE}
    # Amazon CloudWatch API Reference, "PutCompositeAlarm".
    assert len(asked) <= 100
    assert len(promise.properties["AlarmRule"]) <= 10_240


def test_a_consumer_that_is_down_and_orders_that_were_given_up_are_a_danger_as_well(prod: Synthesis) -> None:
    (promise,) = prod.resources("AWS::CloudWatch::CompositeAlarm")
    asked = re.findall(r'ALARM\("([^"]+)"\)', promise.properties["AlarmRule"])
    consumers = [name for name in function_names(prod) if name.endswith("-consumer")]
    assert consumers
    assert {f"{name.removesuffix('-consumer')}-queue-age" for name in consumers} <= set(asked)
    assert "tidings-prod-orders-sweep-swept" in asked


def test_the_emulator_is_not_asked_for_an_alarm_over_alarms(local: Synthesis) -> None:
    assert local.resources("AWS::CloudWatch::CompositeAlarm") == []


@EVERY_STAGE
def test_the_stack_that_looks_at_all_services_is_deployed_after_them(
    stage: str, synthesis: Synthesis, services: tuple[Found, ...]
) -> None:
    manifest = json.loads((synthesis.folder / "manifest.json").read_text())
    after = manifest["artifacts"][f"tidings-{stage}-monitoring"]["dependencies"]
    assert {f"tidings-{stage}-{found.name}" for found in services} <= set(after)


def dashboard(synthesis: Synthesis) -> str:
    """The text of the stage's one dashboard."""
    (found,) = synthesis.resources("AWS::CloudWatch::Dashboard")
    parts = found.properties["DashboardBody"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else "reference" for part in parts)


def shown(synthesis: Synthesis, view: str = "timeSeries") -> dict[tuple[str, ...], str]:
    """The statistic of each metric that the dashboard shows in this way, by its namespace, name and dimensions."""
    return {
        tuple(metric[:-1]): metric[-1].get("stat", "Average")
        for widget in json.loads(dashboard(synthesis))["widgets"]
        if widget["properties"]["view"] == view
        for metric in widget["properties"]["metrics"]
    }


@EVERY_STAGE
def test_the_dashboard_shows_what_dynamodb_throttles_of_each_table_and_index(stage: str, synthesis: Synthesis) -> None:
    found = shown(synthesis)
    tables = [each.properties for each in synthesis.resources("AWS::DynamoDB::Table")]
    # That one stands for what isn't ours.
    ours = [each for each in tables if each["TableName"] != f"tidings-{stage}-gateway"]
    assert any(table.get("GlobalSecondaryIndexes") for table in ours)
    for table in ours:
        name = ("TableName", table["TableName"])
        indexes = [("GlobalSecondaryIndexName", each["IndexName"]) for each in table.get("GlobalSecondaryIndexes", [])]
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            for dimensions in [name, *(index + name for index in indexes)]:
                assert found["AWS/DynamoDB", metric, *dimensions] == "Sum"


@EVERY_STAGE
def test_the_dashboard_shows_orders_as_numbers_and_counts_each_end_where_it_is_announced(
    stage: str, synthesis: Synthesis
) -> None:
    announced = {
        "OrderPlaced": "orders",
        "OrderConfirmed": "orders",
        "OrderDispatched": "warehouse",
        "OrderCancelled": "orders",
    }
    assert shown(synthesis, "singleValue") == {
        ("Tidings", event, "Service", service, "Stage", stage): "Sum" for event, service in announced.items()
    }
    assert shown(synthesis, "pie") == {}


@EVERY_STAGE
def test_the_dashboard_shows_the_e_mails_and_all_that_the_sweep_tells(stage: str, synthesis: Synthesis) -> None:
    found = shown(synthesis)
    assert found["AWS/SES", "Send"] == "Sum"
    for metric, statistic in {"OrdersSwept": "Sum", "SweepFailed": "Sum", "OldestPending": "Maximum"}.items():
        assert found["Tidings", metric, "Service", "orders", "Stage", stage] == statistic


@EVERY_STAGE
def test_a_stage_has_one_dashboard_within_what_cloudwatch_takes(stage: str, synthesis: Synthesis) -> None:
    text = dashboard(synthesis)
    widgets = json.loads(text)["widgets"]
    metrics = [len(widget["properties"]["metrics"]) for widget in widgets]
    # Amazon CloudWatch User Guide, "CloudWatch service quotas": metrics of a graph, and of all graphs together.
    assert max(metrics) <= 500
    assert sum(metrics) <= 2500
    for name in function_names(synthesis):
        assert f'"{name}"' in text
    for queue in synthesis.resources("AWS::SQS::Queue"):
        assert f'"{queue.properties["QueueName"]}"' in text
    for table in synthesis.resources("AWS::DynamoDB::Table"):
        if table.properties["TableName"] == f"tidings-{stage}-{table.stack}":
            assert f'"{table.properties["TableName"]}"' in text


def test_the_runbook_has_an_entry_for_each_kind_of_alarm_and_none_besides(prod: Synthesis) -> None:
    told = {kind_of(alarm) for alarm in [*alarms(prod), *prod.resources("AWS::CloudWatch::CompositeAlarm")]}
    entries = re.findall(r"^## (.+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(told)
