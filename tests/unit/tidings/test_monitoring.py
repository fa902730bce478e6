"""The alarms and metrics of CloudWatch."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidings.aws.monitoring import (
    MAX_QUERIES,
    Alarm,
    Metric,
    describe_alarm,
    latest_values,
    oldest_message,
    read_alarms,
    relay_lag,
)
from tidings.recovery import RecoveryError
from tidings.testing import NOON

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "ann@example.com may not"}}, "DescribeAlarms")


class CloudWatch:
    """A client with two pages of alarms, and with values by the metric's name.

    Attributes:
        requests: The requests of values.
        error: The error of each call.
    """

    def __init__(self, *pages: Mapping[str, Any], values: Mapping[str, list[float]] | None = None) -> None:
        self.pages = pages
        self.values = values or {}
        self.requests: list[Mapping[str, Any]] = []
        self.error: Exception | None = None

    def get_paginator(self, operation: str) -> "CloudWatch":
        assert operation == "describe_alarms"
        return self

    def paginate(self, **request: Any) -> Any:
        self.requests.append(request)
        if self.error:
            raise self.error
        return iter(self.pages)

    def get_metric_data(self, **request: Any) -> Mapping[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        queries = request["MetricDataQueries"]
        assert len(queries) <= MAX_QUERIES
        names = {query["Id"]: query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for query in queries}
        return {"MetricDataResults": [{"Id": n, "Values": self.values.get(name, [])} for n, name in names.items()]}


def alarm(name: str, minute: int, state: str = "OK", **more: str) -> dict[str, Any]:
    since = datetime(2026, 1, 31, 12, minute, tzinfo=UTC)
    return {"AlarmName": name, "StateValue": state, "StateUpdatedTimestamp": since, **more}


def test_alarms_of_both_kinds_and_all_pages_are_read_latest_first() -> None:
    client = CloudWatch(
        {"MetricAlarms": [alarm("a", 1, AlarmDescription="It fails. See docs/runbook.md#errors")]},
        {"CompositeAlarms": [alarm("all", 3, "ALARM")], "MetricAlarms": [alarm("b", 2, "INSUFFICIENT_DATA")]},
    )
    found = read_alarms(client, "shop-dev-")
    assert [(each.name, each.state) for each in found] == [("all", "ALARM"), ("b", "INSUFFICIENT_DATA"), ("a", "OK")]
    assert client.requests == [{"AlarmNamePrefix": "shop-dev-", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}]
    assert found[2].since == "2026-01-31T12:01:00.000Z"
    assert (found[2].problem, found[2].entry) == ("It fails.", "docs/runbook.md#errors")


@pytest.mark.parametrize(
    ("description", "problem", "entry"),
    [
        (describe_alarm("It fails.", "runbook#a"), "It fails.", "runbook#a"),
        ("Made by hand.", "Made by hand.", ""),
        ("", "", ""),
    ],
)
def test_an_alarms_description_is_read_as_it_was_written(description: str, problem: str, entry: str) -> None:
    found = Alarm("a", "OK", NOON, description)
    assert (found.problem, found.entry) == (problem, entry)


def test_the_latest_value_of_a_metric_is_read_and_one_without_values_is_left_out() -> None:
    lag, age = relay_lag("shop-dev-orders-relay"), oldest_message("shop-dev-orders")
    client = CloudWatch(values={"shop-dev-orders-relay": [2500.0, 100.0]})
    assert latest_values(client, [lag, age], 1_769_860_800_500) == {lag: 2500.0}
    (request,) = client.requests
    assert request["ScanBy"] == "TimestampDescending"
    assert (request["StartTime"], request["EndTime"]) == (1_769_860_200, 1_769_860_860)


def test_more_metrics_than_a_request_takes_are_asked_for_in_several() -> None:
    metrics = [Metric("ns", "m", "d", str(n)) for n in range(MAX_QUERIES + 1)]
    client = CloudWatch(values={str(n): [float(n)] for n in range(MAX_QUERIES + 1)})
    assert latest_values(client, metrics, 0) == {metric: float(metric.value) for metric in metrics}
    assert len(client.requests) == 2
    assert latest_values(client, [], 0) == {}


def test_a_refused_call_is_described_by_its_code() -> None:
    client = CloudWatch()
    client.error = DENIED
    for read in (lambda: read_alarms(client, "a"), lambda: latest_values(client, [relay_lag("f")], 0)):
        with pytest.raises(RecoveryError, match="AccessDenied") as refused:
            read()
        assert "ann@example.com" not in str(refused.value)
