"""Monitoring by Amazon CloudWatch: the alarms of a stage, and the latest values of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, cast

from msgspec import Struct

from tidings.aws.recovery.refusals import reporting
from tidings.core.clock import to_rfc3339

AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

SEE = " See "
"""The text between an alarm's problem and its runbook entry."""

MAX_QUERIES = 500
"""Maximum number of metrics in one request (Amazon CloudWatch API Reference, "GetMetricData")."""

LATEST_SECONDS = 10 * 60
"""Age of the oldest value that still counts. SQS reports once a minute, some minutes late."""

PERIOD = 60
"""Number of seconds of which a value is the largest."""


class CloudWatchClient(Protocol):
    """The part of the client of Amazon CloudWatch that is called here."""

    def get_paginator(self, operation: Any) -> Any:
        """Return the pages of an operation."""

    def get_metric_data(self, **request: Any) -> Mapping[str, Any]:
        """Return the values of metrics."""
        ...


class Alarm(Struct, frozen=True):
    """An alarm.

    Attributes:
        name: Its name.
        state: Its state.
        since: Since when it is in this state (RFC 3339).
        description: Its description: the problem, and where the runbook describes it.
    """

    name: str
    state: AlarmState
    since: str
    description: str

    @property
    def problem(self) -> str:
        """The problem, in one sentence."""
        return self.description.partition(SEE)[0]

    @property
    def entry(self) -> str:
        """The runbook's entry: `docs/runbook.md#dlq-depth`; empty if the description names none."""
        return self.description.partition(SEE)[2]


class Metric(Struct, frozen=True):
    """A metric of one resource, with the largest value of each minute.

    Attributes:
        namespace: The namespace: `AWS/SQS`.
        name: The metric's name.
        dimension: The name of its one dimension.
        value: The dimension's value, which is the resource's name.
    """

    namespace: str
    name: str
    dimension: str
    value: str


def describe_alarm(problem: str, entry: str) -> str:
    """Return the description of an alarm, from which `Alarm` reads both parts again."""
    return f"{problem}{SEE}{entry}"


def relay_lag(function: str) -> Metric:
    """Return the metric of how far a relay is behind its table's stream, in milliseconds."""
    return Metric("AWS/Lambda", "IteratorAge", "FunctionName", function)


def oldest_message(queue: str) -> Metric:
    """Return the metric of the age of a queue's oldest message, in seconds."""
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue)


def read_alarms(client: CloudWatchClient, prefix: str) -> list[Alarm]:
    """Return the alarms whose names begin with a prefix, those that changed last first.

    Raises:
        RecoveryError: If AWS refuses the call.
    """
    request = {"AlarmNamePrefix": prefix, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    with reporting("the alarms cannot be read"):
        pages = list(client.get_paginator("describe_alarms").paginate(**request))
    found = [_alarm(alarm) for page in pages for alarm in _alarms(page)]
    return sorted(found, key=lambda alarm: alarm.since, reverse=True)


def latest_values(client: CloudWatchClient, metrics: Sequence[Metric], now: int) -> dict[Metric, float]:
    """Return the latest value of each metric that has one.

    Args:
        client: The client.
        metrics: The metrics.
        now: The current time in milliseconds since 1970.

    Raises:
        RecoveryError: If AWS refuses the call.
    """
    values: dict[Metric, float] = {}
    for start in range(0, len(metrics), MAX_QUERIES):
        asked = metrics[start : start + MAX_QUERIES]
        request = {
            "MetricDataQueries": [_query(n, metric) for n, metric in enumerate(asked)],
            "StartTime": now // 1000 - LATEST_SECONDS,
            # The end is excluded, and the present minute has values already.
            "EndTime": now // 1000 + PERIOD,
            "ScanBy": "TimestampDescending",
        }
        with reporting("metrics cannot be read"):
            answer = client.get_metric_data(**request)
        values |= {
            asked[int(result["Id"][1:])]: result["Values"][0]
            for result in answer["MetricDataResults"]
            if result.get("Values")
        }
    return values


def _alarms(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return iter([*page.get("CompositeAlarms", []), *page.get("MetricAlarms", [])])


def _alarm(alarm: Mapping[str, Any]) -> Alarm:
    return Alarm(
        name=alarm["AlarmName"],
        state=cast("AlarmState", alarm["StateValue"]),
        since=to_rfc3339(int(alarm["StateUpdatedTimestamp"].timestamp() * 1000)),
        description=alarm.get("AlarmDescription", ""),
    )


def _query(n: int, metric: Metric) -> dict[str, Any]:
    return {
        "Id": f"m{n}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": metric.dimension, "Value": metric.value}],
            },
            "Period": PERIOD,
            "Stat": "Maximum",
        },
    }
