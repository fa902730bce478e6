"""The alarms and logs of a stage, and the expiry job as operators run it, on moto and with a stub."""

import io
import json
from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from ops.errors import CommandError
from ops.jobs import CheckResult, DisputesResult, ExpiryResult, check_payments, expire_orders, report_disputes
from ops.monitoring.alarms import active_alarms
from ops.monitoring.logs import PROBLEMS, RUNS, LineFilter, log_lines, with_status
from ops.stage import DeployedStage
from tests.integration.cloud import REGION
from tidings.core.clock import now, to_rfc3339

NOON = 1_769_860_800_000
HOUR = 3_600_000


class OneClient(boto3.Session):
    """A session with one client."""

    def __init__(self, client: Any) -> None:
        super().__init__(region_name=REGION)
        self._client = client

    def client(self, *_: Any, **__: Any) -> Any:
        return self._client


@pytest.fixture
def lambda_client() -> Any:
    return boto3.client("lambda", REGION)


def stage_of(client: Any) -> DeployedStage:
    return DeployedStage("dev", REGION, OneClient(client))


@mock_aws
def test_only_the_stages_active_alarms_are_listed_with_their_descriptions() -> None:
    client = boto3.client("cloudwatch", REGION)
    for name, state in [
        ("tidings-dev-orders-dlq-depth", "ALARM"),
        ("tidings-dev-orders-queue-age", "OK"),
        ("tidings-prod-orders-dlq-depth", "ALARM"),
    ]:
        client.put_metric_alarm(
            AlarmName=name,
            AlarmDescription="See docs/runbook.md#dlq-depth",
            MetricName="m",
            Namespace="n",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Maximum",
        )
        client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="this test")
    (alarm,) = active_alarms(stage_of(client))
    assert alarm.name == "tidings-dev-orders-dlq-depth"
    assert alarm.description == "See docs/runbook.md#dlq-depth"
    assert alarm.since.endswith("Z")


def logged(group: str, *lines: str) -> int:
    """Write lines to a log group, a second apart. Return the time of the last in milliseconds since 1970."""
    client = boto3.client("logs", REGION)
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="one")
    present = now()  # CloudWatch Logs refuses events that are older than two weeks.
    times = range(present - 1000 * (len(lines) - 1), present + 1, 1000)
    events = [{"timestamp": at, "message": text} for at, text in zip(times, lines, strict=True)]
    client.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)  # type: ignore[arg-type]  # plain
    return present


def printed(log: str, filters: Sequence[LineFilter] = (), containing: str = "") -> list[str]:
    """Return the printed lines of a log, without their times."""
    stage = stage_of(boto3.client("logs", REGION))
    lines = log_lines(stage, log, now() - HOUR, filters=filters, containing=containing)
    return [line.split(" ", 1)[1] for line in lines]


@mock_aws
def test_a_functions_log_is_printed_oldest_first_from_a_time_on() -> None:
    present = logged("/aws/lambda/tidings-dev-orders-consumer", "long ago", "first", 'second "quoted"\n')
    lines = list(log_lines(stage_of(boto3.client("logs", REGION)), "orders-consumer", present - 1000))
    assert lines == [f"{to_rfc3339(present - 1000)} first", f'{to_rfc3339(present)} second "quoted"']


@pytest.mark.parametrize(
    ("filters", "pattern"),
    [([], '"a \\"b\\" c"'), ([RUNS], '{ $.type = "platform.report" }'), ([with_status("5")], '{ $.status = "5*" }')],
)
def test_aws_filters_the_lines(filters: list[LineFilter], pattern: str) -> None:
    client = boto3.client("logs", REGION)
    with Stubber(client) as stub:
        expected = {"logGroupName": "/aws/lambda/tidings-dev-f", "startTime": NOON, "filterPattern": pattern}
        stub.add_response("filter_log_events", {"events": []}, expected)
        lines = log_lines(stage_of(client), "f", NOON, filters=filters, containing='a "b" c')
        assert list(lines) == []


def report(status: str, **more: str) -> str:
    """Return Lambda's report of a run on AWS, in the form of its Telemetry API."""
    metrics = {"durationMs": 6000.0, "billedDurationMs": 6000, "memorySizeMB": 512, "maxMemoryUsedMB": 511}
    record = {"requestId": "a-run", "metrics": metrics, "status": status, **more}
    return json.dumps({"time": "2026-01-31T12:00:00.000Z", "type": "platform.report", "record": record})


START = '{"time":"2026-01-31T12:00:00.000Z","type":"platform.start","record":{"requestId":"a-run","version":"$LATEST"}}'
SUCCESS = report("success")
TIMEOUT = report("timeout")
OUT_OF_MEMORY = report("error", errorType="Runtime.OutOfMemory")
CRASH = '{"timestamp":"2026-01-31T12:00:00Z","level":"ERROR","errorMessage":"no","errorType":"KeyError"}'
BUSY = '{"level":"WARNING","location":"_busy:146","message":"busy","error":"too many wrote at once"}'
INFO = r'{"level":"INFO","message":"an order expired; it said \"level\":\"ERROR\""}'
COUNTED = '{"_aws":{"Timestamp":1},"Stage":"dev","Service":"orders","OrdersExpired":1,"ExpiryFailed":0}'

TEXT_START, TEXT_END = "START RequestId: a-run Version: $LATEST", "END RequestId: a-run"
TEXT_REPORT = "REPORT RequestId: a-run\tDuration: 12 ms\tBilled Duration: 12 ms\tMemory Size: 256 MB"
TEXT_TIMEOUT = f"{TEXT_REPORT}\tStatus: timeout"
TRACE = "Traceback (most recent call last):"
TIMED_OUT = "Task timed out after 6.00 seconds"

ON_AWS = (START, SUCCESS, TIMEOUT, OUT_OF_MEMORY, CRASH, BUSY, INFO, COUNTED)
IN_TEXT = (TEXT_START, INFO, BUSY, COUNTED, TRACE, TIMED_OUT, TEXT_END, TEXT_REPORT, TEXT_TIMEOUT)


@mock_aws
@pytest.mark.parametrize(
    ("lines", "selected", "expected"),
    [
        (ON_AWS, RUNS, [SUCCESS, TIMEOUT, OUT_OF_MEMORY]),
        (ON_AWS, PROBLEMS, [TIMEOUT, OUT_OF_MEMORY, CRASH, BUSY]),
        (IN_TEXT, RUNS, [TEXT_REPORT, TEXT_TIMEOUT]),
        (IN_TEXT, PROBLEMS, [BUSY, TRACE, TIMED_OUT, TEXT_TIMEOUT]),
    ],
)
def test_runs_and_problems_are_selected_in_the_form_of_aws_and_of_an_emulator(
    lines: tuple[str, ...], selected: LineFilter, expected: list[str]
) -> None:
    logged("/aws/lambda/tidings-dev-orders-api", *lines)
    assert printed("orders-api", [selected]) == expected


@mock_aws
def test_lines_can_be_selected_by_filters_and_by_a_text() -> None:
    logged("/aws/lambda/tidings-dev-orders-api", *ON_AWS)
    assert printed("orders-api", [RUNS, PROBLEMS], containing="OutOfMemory") == [OUT_OF_MEMORY]


@mock_aws
def test_the_access_log_can_be_selected_by_status() -> None:
    # This imports the CDK, which the other tests do not need.
    from infra.stacks.api import ACCESS_LOG

    answers = [
        json.dumps({**ACCESS_LOG, "status": status, "routeKey": "GET /orders"}) for status in ("200", "404", "503")
    ]
    logged("/aws/vendedlogs/tidings-dev-api", *answers)
    assert printed("api") == answers
    assert printed("api", [with_status("4")]) == [answers[1]]
    assert printed("api", [with_status("503")]) == [answers[2]]


@mock_aws
def test_the_error_about_an_unknown_function_names_it() -> None:
    with pytest.raises(CommandError, match="no function 'nothing'; a function is named like orders-consumer, and api"):
        printed("nothing")


@mock_aws
def test_the_error_about_an_unknown_function_names_those_that_are_named_like_it() -> None:
    for name in ("payment-consumer", "payment-relay", "orders-api"):
        logged(f"/aws/lambda/tidings-dev-{name}", "a line")
    with pytest.raises(CommandError, match="is named like payment-relay or payment-consumer, and api"):
        printed("payments-relay")


@pytest.mark.parametrize(("older_than", "payload"), [(None, {}), (90, {"older_than": 90})])
def test_the_expiry_job_runs_with_the_operators_limit_or_the_stages(
    lambda_client: Any, older_than: int | None, payload: dict[str, int]
) -> None:
    answer = {"cancelled": 2, "failed": 1, "finished": True, "oldest": 100.5, "stopped": False, "resumed": False}
    sent = json.dumps(payload, separators=(",", ":")).encode()
    with Stubber(lambda_client) as stub:
        stub.add_response(
            "invoke",
            {"Payload": io.BytesIO(json.dumps(answer).encode())},
            {"FunctionName": "tidings-dev-orders-expiry", "Payload": sent, "Qualifier": "live"},
        )
        result = ExpiryResult(2, 1, finished=True, stopped=False, resumed=False)
        assert expire_orders(stage_of(lambda_client), older_than) == result


@pytest.mark.parametrize(("everything", "sent"), [(False, b"{}"), (True, b'{"all":true}')])
def test_the_check_of_payments_is_run(lambda_client: Any, everything: bool, sent: bytes) -> None:
    answer = {"ended": 2, "waiting": 1, "failed": 0, "finished": True, "oldest": 100.5}
    with Stubber(lambda_client) as stub:
        stub.add_response(
            "invoke",
            {"Payload": io.BytesIO(json.dumps(answer).encode())},
            {"FunctionName": "tidings-dev-payment-checks", "Payload": sent, "Qualifier": "live"},
        )
        result = check_payments(stage_of(lambda_client), everything=everything)
        assert result == CheckResult(2, 1, 0, finished=True)


def test_the_search_for_disputes_is_run(lambda_client: Any) -> None:
    with Stubber(lambda_client) as stub:
        stub.add_response(
            "invoke",
            {"Payload": io.BytesIO(b'{"reported": 3}')},
            {"FunctionName": "tidings-dev-payment-checks", "Payload": b'{"disputes":true}', "Qualifier": "live"},
        )
        assert report_disputes(stage_of(lambda_client)) == DisputesResult(3)


def test_the_error_of_the_expiry_job_is_shown(lambda_client: Any) -> None:
    answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "Task timed out"}')}
    with Stubber(lambda_client) as stub:
        stub.add_response("invoke", answer)
        with pytest.raises(CommandError, match="Task timed out"):
            expire_orders(stage_of(lambda_client), None)


def test_the_error_about_a_missing_expiry_job_names_the_remedy(lambda_client: Any) -> None:
    with Stubber(lambda_client) as stub:
        stub.add_client_error("invoke", "ResourceNotFoundException")
        with pytest.raises(CommandError, match="deploy orders first"):
            expire_orders(stage_of(lambda_client), None)
