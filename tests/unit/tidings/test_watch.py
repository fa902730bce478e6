"""The watch over event source mappings, streams and iterators."""

from collections.abc import Mapping
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tidings.aws.recovery import MappingStatus
from tidings.aws.watch import METRICS, Observed, Problem, Watch, WatchedService, find_problems, latest_stream
from tidings.recovery import RecoveryError
from tidings.testing import VirtualClock

MAX_AGE = 6 * 3600
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/shop-dev-orders/stream/2026-01-31T12:00:00.000"
OLD_STREAM = STREAM.replace("2026-01", "2025-12")
RESTORED = STREAM.replace("shop-dev-orders", "shop-dev-orders-2")

ORDERS = WatchedService("orders", ("consumer",), ("relay",), "shop-dev-orders")
READER = WatchedService("reader", ("consumer",), (), "shop-dev-reader")
VIEWER = WatchedService("viewer", (), (), "shop-dev-viewer")


def consumer(name: str, problem: str | None = None) -> MappingStatus:
    return MappingStatus(f"shop-dev-{name}-consumer", "queue", "Enabled", problem, "arn:aws:sqs:eu-west-1:1:queue")


def relay(source: str = STREAM, problem: str | None = None) -> MappingStatus:
    return MappingStatus("shop-dev-orders-relay", "stream", "Enabled", problem, source)


GOOD = Observed(
    {"orders-consumer": [consumer("orders")], "orders-relay": [relay()], "reader-consumer": [consumer("reader")]},
    {"shop-dev-orders": STREAM},
    {"orders-relay": 1.0},
)


def found(
    *, mappings: Mapping[str, list[MappingStatus]] | None = None, stream: str | None = STREAM, age: float = 0
) -> list[Problem]:
    observed = Observed({**GOOD.mappings, **(mappings or {})}, {"shop-dev-orders": stream}, {"orders-relay": age})
    return list(find_problems([ORDERS, READER, VIEWER], observed, MAX_AGE))


def test_a_stage_without_problems_has_none() -> None:
    assert list(find_problems([ORDERS, READER, VIEWER], GOOD, MAX_AGE)) == []


def test_a_mapping_with_a_problem_is_reported_for_its_function() -> None:
    text = "It delivers nothing until it is enabled."
    mappings = {"reader-consumer": [consumer("reader", text)], "orders-relay": [relay(problem=text)]}
    assert found(mappings=mappings) == [
        Problem("orders", "mapping", "orders-relay", text),
        Problem("reader", "mapping", "reader-consumer", text),
    ]


@pytest.mark.parametrize("function", ["orders-consumer", "orders-relay"])
def test_a_function_without_a_mapping_is_reported_once(function: str) -> None:
    assert found(mappings={function: []}) == [Problem("orders", "mapping", function, "It has no event source mapping.")]


def test_each_of_two_mappings_of_a_function_is_looked_at() -> None:
    mappings = {"orders-consumer": [consumer("orders"), consumer("orders", "Its last batch failed.")]}
    assert found(mappings=mappings) == [Problem("orders", "mapping", "orders-consumer", "Its last batch failed.")]


@pytest.mark.parametrize("read", [OLD_STREAM, RESTORED])
def test_a_relay_that_reads_another_stream_than_its_tables_is_reported(read: str) -> None:
    text = "It reads another stream than its table's."
    assert found(mappings={"orders-relay": [relay(read)]}) == [Problem("orders", "stream", "orders-relay", text)]


def test_a_table_whose_stream_was_switched_off_is_reported() -> None:
    assert found(stream=None) == [Problem("orders", "stream", "orders-relay", "Its table has no stream.")]


def test_a_relay_that_is_further_behind_than_the_limit_is_reported() -> None:
    text = "It is 6.5 hours behind its table."
    assert found(age=6.5 * 3600) == [Problem("orders", "iterator", "orders-relay", text)]
    assert found(age=MAX_AGE) == []


def test_each_kind_of_problem_has_a_metric() -> None:
    assert len(set(METRICS.values())) == len(METRICS) == 3


# Observations


class Cloud:
    """The clients of Lambda, DynamoDB and CloudWatch.

    Attributes:
        tables: The description of each table.
        mappings: The pages of mappings.
        ages: The values of a relay's IteratorAge, latest first, by the function's name.
        error: The error of each call.
    """

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(ClientError):  # noqa: N818 - boto3's name
            pass

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"shop-dev-orders": described(STREAM)}
        self.mappings: list[dict[str, Any]] = [
            mapping("shop-dev-orders-relay:live", STREAM),
            mapping("shop-dev-orders-consumer", "arn:aws:sqs:eu-west-1:123456789012:shop-dev-orders"),
            mapping("shop-dev-reader-consumer", "arn:aws:sqs:eu-west-1:123456789012:shop-dev-reader"),
            mapping("shop-prod-orders-relay", OLD_STREAM, State="Disabled"),
        ]
        self.ages: dict[str, list[float]] = {}
        self.error: Exception | None = None
        self.described: list[str] = []

    def get_paginator(self, operation: str) -> "Cloud":
        assert operation == "list_event_source_mappings"
        return self

    def paginate(self) -> Any:
        if self.error:
            raise self.error
        return iter({"EventSourceMappings": [each]} for each in self.mappings)

    def get_metric_data(self, **request: Any) -> Mapping[str, Any]:
        queries = {each["Id"]: each["MetricStat"]["Metric"] for each in request["MetricDataQueries"]}
        assert {each["MetricName"] for each in queries.values()} <= {"IteratorAge"}
        values = {query: self.ages.get(each["Dimensions"][0]["Value"], []) for query, each in queries.items()}
        return {"MetricDataResults": [{"Id": query, "Values": found} for query, found in values.items()]}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.described.append(TableName)
        if TableName not in self.tables:
            raise self.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException"}}, "Describe"
            )
        return {"Table": self.tables[TableName]}

    def watch(self) -> Watch:
        this = cast("Any", self)
        services = [ORDERS, READER, VIEWER]
        return Watch(services, "shop-dev-", MAX_AGE, lambda: this, lambda: this, lambda: this, VirtualClock())


def described(stream: str | None, *, enabled: bool = True) -> dict[str, Any]:
    latest = {"LatestStreamArn": stream} if stream else {}
    return latest | ({"StreamSpecification": {"StreamEnabled": True}} if enabled else {})


def mapping(function: str, source: str, **more: str) -> dict[str, Any]:
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
    return {"FunctionArn": arn, "EventSourceArn": source, "State": "Enabled"} | more


def test_a_run_looks_at_the_mappings_of_its_stage_and_at_the_tables_that_have_a_relay() -> None:
    cloud = Cloud()
    assert cloud.watch().run().problems == ()
    assert cloud.described == ["shop-dev-orders"]


def test_a_run_finds_problems_of_every_kind_at_once() -> None:
    cloud = Cloud()
    cloud.mappings[1]["State"] = "Disabled"
    cloud.tables["shop-dev-orders"] = described(RESTORED)
    cloud.ages["shop-dev-orders-relay"] = [25_200_000.0, 1.0]
    assert [(each.kind, each.function) for each in cloud.watch().run().problems] == [
        ("mapping", "orders-consumer"),
        ("stream", "orders-relay"),
        ("iterator", "orders-relay"),
    ]


@pytest.mark.parametrize("table", [None, described(STREAM, enabled=False), described(None)])
def test_a_table_that_is_gone_or_whose_stream_is_switched_off_has_no_stream(table: dict[str, Any] | None) -> None:
    cloud = Cloud()
    cloud.tables = {"shop-dev-orders": table} if table is not None else {}
    assert latest_stream(cast("Any", cloud), "shop-dev-orders") is None


def test_a_refused_call_fails_the_run_and_is_described_by_its_code() -> None:
    cloud = Cloud()
    cloud.error = ClientError({"Error": {"Code": "AccessDenied", "Message": "ann@example.com may not"}}, "List")
    with pytest.raises(RecoveryError, match="AccessDenied") as refused:
        cloud.watch().run()
    assert "ann@example.com" not in str(refused.value)
