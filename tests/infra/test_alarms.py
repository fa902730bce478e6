"""Every resource has its alarms, and operators are notified of them."""

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from infra.constructs.alarm import RUNBOOK
from infra.discovery import ROOT, ServiceFolder
from infra.shop import SETTINGS
from tests.infra.alarms import LOCAL_RULES, RULES, Rule, alarms, kind_of, rule_breakers
from tests.infra.synthesis import Resource, Synthesis, owned, synthesize

LONGEST_NAME = 255
ACCOUNT = {"Ref": "AWS::AccountId"}
EVERY_STAGE = pytest.mark.parametrize("stage", ["local", "dev", "prod"])

CRITICAL = {
    "dlq-depth",
    "undelivered-depth",
    "relay-dlq-depth",
    "queue-age",
    "relay-lag",
    "mapping-stopped",
    "stream-changed",
    "watch-missing",
    "expiry-cancelled",
    "expiry-stopped",
    "expiry-overdue",
    "expiry-missing",
    "refund-failed",
    "checks-overdue",
    "checks-missing",
    "jobs-overdue",
    "jobs-missing",
    "conflicting-body",
    "api-5xx",
}
"""The kinds of alarms that mean that events or work may be lost."""


def watched(synthesis: Synthesis) -> dict[tuple[str, str], set[str]]:
    """Return the kinds of alarms on each resource, by its stack and id."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for alarm in alarms(synthesis):
        for dimension in dimensions(alarm):
            value = dimension["Value"]
            if isinstance(value, dict):
                found[alarm.stack, value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]].add(kind_of(alarm))
    return found


def dimensions(alarm: Resource) -> list[dict[str, object]]:
    """Return the dimensions of the alarm's metric, or of all metrics in its expression."""
    metrics = [part["MetricStat"]["Metric"] for part in alarm.properties.get("Metrics", []) if "MetricStat" in part]
    return [each for metric in metrics or [alarm.properties] for each in metric["Dimensions"]]


@EVERY_STAGE
def test_every_dead_letter_queue_has_an_alarm_on_its_depth_and_every_other_queue_on_its_age(
    synthesis: Synthesis,
) -> None:
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
def test_every_function_has_alarms_on_errors_throttles_and_long_runs(synthesis: Synthesis) -> None:
    found = watched(synthesis)
    functions = synthesis.resources("AWS::Lambda::Function")
    assert len(functions) > 20
    for function in functions:
        assert found[function.stack, function.id] >= {"errors", "throttles", "duration"}, function.id


@EVERY_STAGE
def test_every_relay_has_an_alarm_on_its_lag(synthesis: Synthesis) -> None:
    lags = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "relay-lag"]
    watched_names = {each["Value"] for alarm in lags for each in alarm.properties["Dimensions"]}
    relays = {name for name in function_names(synthesis) if name.endswith("-relay")}
    assert relays
    assert watched_names == relays
    streams = [
        mapping
        for mapping in synthesis.resources("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping.properties
    ]
    assert len(streams) == len(relays)


@EVERY_STAGE
def test_every_consumer_has_an_alarm_on_messages_that_wait(synthesis: Synthesis) -> None:
    waiting = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "messages-waiting"]
    services = [
        each["Value"] for alarm in waiting for each in alarm.properties["Dimensions"] if each["Name"] == "Service"
    ]
    consumers = [name for name in function_names(synthesis) if name.endswith("-consumer")]
    assert sorted(services) == sorted(name.split("-")[2] for name in consumers)


def function_names(synthesis: Synthesis) -> set[str]:
    return {function.properties["FunctionName"] for function in synthesis.resources("AWS::Lambda::Function")}


@EVERY_STAGE
def test_the_api_has_alarms_on_failures_latency_and_refused_requests(synthesis: Synthesis) -> None:
    api = synthesis.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="HTTP")
    assert watched(synthesis)[api.stack, api.id] == {"api-5xx", "api-latency", "api-4xx"}


@EVERY_STAGE
@pytest.mark.parametrize(
    ("kind", "stack"), [("expiry-missing", "orders"), ("checks-missing", "payment"), ("jobs-missing", "privacy")]
)
def test_the_alarm_on_missing_runs_has_the_period_of_the_schedule(synthesis: Synthesis, kind: str, stack: str) -> None:
    (missing,) = [alarm.properties for alarm in alarms(synthesis) if kind_of(alarm) == kind]
    name = f"tidings-{synthesis.stage}-{stack}-{kind.removesuffix('-missing')}"
    schedule = synthesis.only(stack, "AWS::Scheduler::Schedule", Name=name)
    assert (schedule.properties["ScheduleExpression"], missing["Period"]) == ("rate(1 minute)", 60)


@EVERY_STAGE
def test_a_pending_order_is_overdue_five_minutes_after_the_limit(stage: str, synthesis: Synthesis) -> None:
    (overdue,) = [alarm for alarm in alarms(synthesis) if kind_of(alarm) == "expiry-overdue"]
    assert overdue.properties["Threshold"] == SETTINGS[stage].pending_limit + 300


@EVERY_STAGE
def test_a_run_is_long_from_four_fifths_of_the_timeout_on(synthesis: Synthesis) -> None:
    functions = {(each.stack, each.id): each.properties for each in synthesis.resources("AWS::Lambda::Function")}
    for alarm in alarms(synthesis):
        if kind_of(alarm) == "duration":
            (dimension,) = alarm.properties["Dimensions"]
            function = functions[alarm.stack, dimension["Value"]["Ref"]]
            assert alarm.properties["Threshold"] == 800 * function["Timeout"]


@pytest.mark.parametrize(("stage", "rules"), [("local", LOCAL_RULES), ("dev", RULES), ("prod", RULES)])
def test_every_alarm_follows_the_rule_of_its_kind(synthesis: Synthesis, rules: dict[str, Rule]) -> None:
    assert {kind_of(alarm) for alarm in alarms(synthesis)} == rules.keys()
    assert rule_breakers(alarms(synthesis), rules) == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_alarm_on_refused_requests_compares_their_share_if_there_are_more_than_fifty(synthesis: Synthesis) -> None:
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
def test_alarms_on_the_shops_own_metrics_use_the_dimensions_of_the_metrics(stage: str, synthesis: Synthesis) -> None:
    for alarm in alarms(synthesis):
        if alarm.properties.get("Namespace") == "Tidings":
            found = {each["Name"]: each["Value"] for each in dimensions(alarm)}
            assert found == {"Stage": stage, "Service": alarm.stack}


@EVERY_STAGE
def test_every_alarms_name_contains_its_stage_and_service(stage: str, synthesis: Synthesis) -> None:
    names = [alarm.properties["AlarmName"] for alarm in alarms(synthesis)]
    assert len(set(names)) == len(names)
    for alarm in alarms(synthesis):
        assert re.fullmatch(rf"tidings-{stage}-{alarm.stack}-[a-z0-9-]+", alarm.properties["AlarmName"])
        assert len(alarm.properties["AlarmName"]) <= LONGEST_NAME


@EVERY_STAGE
def test_every_alarm_declares_the_meaning_of_missing_data_and_notifies_operators_when_it_begins_and_ends(
    stage: str, synthesis: Synthesis
) -> None:
    for alarm in [*alarms(synthesis), *synthesis.resources("AWS::CloudWatch::CompositeAlarm")]:
        if alarm.type == "AWS::CloudWatch::Alarm":
            assert alarm.properties["TreatMissingData"] in {"breaching", "notBreaching", "ignore"}
        assert alarm.properties["AlarmActions"] == alarm.properties["OKActions"]
        (topic,) = alarm.properties["AlarmActions"]
        assert topic["Fn::ImportValue"].startswith(f"tidings-{stage}-alarms:")


@EVERY_STAGE
def test_alarms_reach_the_stages_addresses_through_an_encrypted_topic_that_cloudwatch_may_use(
    stage: str, synthesis: Synthesis
) -> None:
    topic = synthesis.only("alarms", "AWS::SNS::Topic")
    assert "KmsMasterKeyId" in topic.properties
    subscribed = [each.properties for each in synthesis.resources("AWS::SNS::Subscription") if each.stack == "alarms"]
    assert [(each["Protocol"], each["Endpoint"]) for each in subscribed] == [
        ("email", address) for address in owned(SETTINGS[stage]).alarm_addresses
    ]
    policy = synthesis.only("alarms", "AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    key = synthesis.only("alarms", "AWS::KMS::Key").properties["KeyPolicy"]["Statement"]
    cloudwatch = [each for each in [*policy, *key] if "cloudwatch.amazonaws.com" in json.dumps(each["Principal"])]
    assert [each["Action"] for each in cloudwatch] == ["sns:Publish", ["kms:Decrypt", "kms:GenerateDataKey*"]]
    assert all(each["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}} for each in cloudwatch)


def test_every_stage_but_the_local_one_notifies_an_address() -> None:
    assert {name: bool(settings.alarm_addresses) for name, settings in SETTINGS.items()} == {
        "local": False,
        "dev": True,
        "prod": True,
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_composite_alarm_is_on_while_any_critical_alarm_is_on(stage: str, synthesis: Synthesis) -> None:
    (composite,) = synthesis.resources("AWS::CloudWatch::CompositeAlarm")
    children = re.findall(r'ALARM\("([^"]+)"\)', composite.properties["AlarmRule"])
    assert composite.properties["AlarmName"] == f"tidings-{stage}-critical"
    assert composite.properties["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in children)
    critical = {alarm.properties["AlarmName"] for alarm in alarms(synthesis) if kind_of(alarm) in CRITICAL}
    assert set(children) == critical
    # Amazon CloudWatch API Reference, "PutCompositeAlarm".
    assert len(children) <= 100
    assert len(composite.properties["AlarmRule"]) <= 10_240


def test_a_consumer_that_is_down_and_an_expired_order_are_critical(prod: Synthesis) -> None:
    (composite,) = prod.resources("AWS::CloudWatch::CompositeAlarm")
    consumers = [name for name in function_names(prod) if name.endswith("-consumer")]
    assert consumers
    behind = children(composite)
    assert {f"{name.removesuffix('-consumer')}-queue-age" for name in consumers} <= set(behind)
    assert "tidings-prod-orders-expiry-cancelled" in behind


def test_more_critical_alarms_than_a_composite_alarm_may_have_are_behind_several_others(
    prod: Synthesis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.stacks.monitoring.MAX_CHILDREN", 30)
    found = synthesize("prod", tmp_path).resources("AWS::CloudWatch::CompositeAlarm")
    (before,) = prod.resources("AWS::CloudWatch::CompositeAlarm")
    rules = {each.properties["AlarmName"]: children(each) for each in found}
    assert set(rules["tidings-prod-critical"]) == rules.keys() - {"tidings-prod-critical"}
    assert max(map(len, rules.values())) == 30
    behind = [name for parts in rules["tidings-prod-critical"] for name in rules[parts]]
    assert behind == children(before)
    assert [each.properties["AlarmName"] for each in found if "AlarmActions" in each.properties] == [
        "tidings-prod-critical"
    ]


def children(composite: Resource) -> list[str]:
    """Return the names of the alarms behind a composite alarm."""
    return re.findall(r'ALARM\("([^"]+)"\)', composite.properties["AlarmRule"])


def test_the_emulator_has_no_composite_alarm(local: Synthesis) -> None:
    assert local.resources("AWS::CloudWatch::CompositeAlarm") == []


@EVERY_STAGE
def test_the_monitoring_stack_is_deployed_after_all_services(
    stage: str, synthesis: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    manifest = json.loads((synthesis.folder / "manifest.json").read_text())
    after = manifest["artifacts"][f"tidings-{stage}-monitoring"]["dependencies"]
    assert {f"tidings-{stage}-{found.name}" for found in services} <= set(after)


def dashboard(synthesis: Synthesis) -> str:
    """Return the text of the stage's only dashboard."""
    (found,) = synthesis.resources("AWS::CloudWatch::Dashboard")
    parts = found.properties["DashboardBody"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else "reference" for part in parts)


def shown(synthesis: Synthesis, view: str = "timeSeries") -> dict[tuple[str, ...], str]:
    """Return the statistic of each metric that the dashboard shows in a view, by namespace, name and dimensions."""
    return {
        tuple(metric[:-1]): metric[-1].get("stat", "Average")
        for widget in json.loads(dashboard(synthesis))["widgets"]
        if widget["properties"]["view"] == view
        for metric in widget["properties"]["metrics"]
    }


@EVERY_STAGE
def test_the_dashboard_shows_throttling_of_each_table_and_index(stage: str, synthesis: Synthesis) -> None:
    found = shown(synthesis)
    tables = [each.properties for each in synthesis.resources("AWS::DynamoDB::Table")]
    # The simulated payment gateway's table represents another company's system.
    ours = [each for each in tables if each["TableName"] != f"tidings-{stage}-gateway"]
    assert any(table.get("GlobalSecondaryIndexes") for table in ours)
    for table in ours:
        name = ("TableName", table["TableName"])
        indexes = [("GlobalSecondaryIndexName", each["IndexName"]) for each in table.get("GlobalSecondaryIndexes", [])]
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            for dimensions in [name, *(index + name for index in indexes)]:
                assert found["AWS/DynamoDB", metric, *dimensions] == "Sum"


@EVERY_STAGE
def test_the_dashboard_shows_the_highlighted_events_as_numbers_of_the_service_that_announces_each(
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
def test_the_dashboard_shows_the_services_own_graphs(stage: str, synthesis: Synthesis) -> None:
    found = shown(synthesis)
    assert found["AWS/SES", "Send"] == "Sum"
    for metric, statistic in {"OrdersExpired": "Sum", "ExpiryFailed": "Sum", "OldestPending": "Maximum"}.items():
        assert found["Tidings", metric, "Service", "orders", "Stage", stage] == statistic
    for metric, statistic in {"OldestCheck": "Maximum", "ChecksFailed": "Sum", "WebhooksRefused": "Sum"}.items():
        assert found["Tidings", metric, "Service", "payment", "Stage", stage] == statistic
    for metric, statistic in {"OldestJob": "Maximum", "JobsFailed": "Sum", "RetentionsFailed": "Sum"}.items():
        assert found["Tidings", metric, "Service", "privacy", "Stage", stage] == statistic


@EVERY_STAGE
def test_a_stage_has_one_dashboard_within_the_limits_of_cloudwatch(stage: str, synthesis: Synthesis) -> None:
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


def test_the_runbook_has_an_entry_for_each_kind_of_alarm_and_no_other_entry(prod: Synthesis) -> None:
    kinds = {kind_of(alarm) for alarm in [*alarms(prod), *prod.resources("AWS::CloudWatch::CompositeAlarm")]}
    entries = re.findall(r"^## (.+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(kinds)
