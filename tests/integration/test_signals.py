"""What a stage says of itself to its operators, and the sweep as they ask for it, on moto and with a stub."""

import io
import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from ops.failure import Failure
from ops.signals import alarms_on, log_lines
from ops.stage import Stage
from ops.sweep import Swept, sweep
from tests.integration.cloud import REGION
from tidings.clock import now, rfc3339

NOON = 1_769_860_800_000


class OneClient(boto3.Session):
    """A session with this client alone."""

    def __init__(self, client: Any) -> None:
        super().__init__(region_name=REGION)
        self._client = client

    def client(self, *_: Any, **__: Any) -> Any:
        return self._client


@pytest.fixture
def lambda_client() -> Any:
    return boto3.client("lambda", REGION)


def stage_of(client: Any) -> Stage:
    return Stage("dev", REGION, OneClient(client))


@mock_aws
def test_only_alarms_of_the_stage_that_are_on_are_told_and_each_with_what_to_do() -> None:
    client = boto3.client("cloudwatch", REGION)
    for name, state in [
        ("tidings-dev-orders-dlq-depth", "ALARM"),
        ("tidings-dev-orders-queue-age", "OK"),
        ("tidings-prod-orders-dlq-depth", "ALARM"),
    ]:
        client.put_metric_alarm(
            AlarmName=name,
            AlarmDescription="What to do: docs/runbook.md#dlq-depth",
            MetricName="m",
            Namespace="n",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Maximum",
        )
        client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="this test")
    (alarm,) = alarms_on(stage_of(client))
    assert alarm.name == "tidings-dev-orders-dlq-depth"
    assert alarm.means == "What to do: docs/runbook.md#dlq-depth"
    assert alarm.since.endswith("Z")


@mock_aws
def test_a_functions_log_is_told_oldest_first_as_far_back_as_is_asked_for() -> None:
    client = boto3.client("logs", REGION)
    group = "/aws/lambda/tidings-dev-orders-consumer"
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="one")
    present = now()  # CloudWatch Logs takes no events that are older than two weeks.
    lines = [(present - 3_601_000, "long ago"), (present - 2000, "first"), (present - 1000, 'second "quoted"\n')]
    events = [{"timestamp": at, "message": text} for at, text in lines]
    client.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)  # type: ignore[arg-type]  # plain
    told = list(log_lines(stage_of(client), "orders-consumer", 3600, None, lambda: present))
    assert told == [f"{rfc3339(present - 2000)} first", f'{rfc3339(present - 1000)} second "quoted"']


def test_what_a_line_must_contain_is_looked_for_as_it_stands() -> None:
    client = boto3.client("logs", REGION)
    with Stubber(client) as stub:
        asked = {
            "logGroupName": "/aws/lambda/tidings-dev-f",
            "startTime": NOON - 1000,
            "filterPattern": '"a \\"b\\" c"',
        }
        stub.add_response("filter_log_events", {"events": []}, asked)
        assert list(log_lines(stage_of(client), "f", 1, 'a "b" c', lambda: NOON)) == []


@mock_aws
def test_a_function_that_there_is_not_is_named() -> None:
    with pytest.raises(Failure, match="no function nothing"):
        list(log_lines(stage_of(boto3.client("logs", REGION)), "nothing", 1, None))


@pytest.mark.parametrize(("older_than", "payload"), [(None, {}), (90, {"older_than": 90})])
def test_a_sweep_is_asked_for_with_the_operators_limit_or_the_stages_own(
    lambda_client: Any, older_than: int | None, payload: dict[str, int]
) -> None:
    answer = {"cancelled": 2, "failed": 1, "finished": True, "oldest": 100.5}
    sent = json.dumps(payload, separators=(",", ":")).encode()
    with Stubber(lambda_client) as stub:
        stub.add_response(
            "invoke",
            {"Payload": io.BytesIO(json.dumps(answer).encode())},
            {"FunctionName": "tidings-dev-orders-sweep", "Payload": sent},
        )
        assert sweep(stage_of(lambda_client), older_than) == Swept(2, 1, finished=True)


def test_a_sweep_that_broke_off_is_told_with_its_error(lambda_client: Any) -> None:
    answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "Task timed out"}')}
    with Stubber(lambda_client) as stub:
        stub.add_response("invoke", answer)
        with pytest.raises(Failure, match="Task timed out"):
            sweep(stage_of(lambda_client), None)


def test_a_stage_without_the_sweep_says_so(lambda_client: Any) -> None:
    with Stubber(lambda_client) as stub:
        stub.add_client_error("invoke", "ResourceNotFoundException")
        with pytest.raises(Failure, match="deploy orders first"):
            sweep(stage_of(lambda_client), None)
