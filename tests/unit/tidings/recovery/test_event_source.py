from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidings.aws.recovery import EventSourceMapping, MappingStatus, mapping_statuses
from tidings.recovery import RecoveryError

STOPPED = datetime(2026, 1, 31, 12, tzinfo=UTC)


class LambdaClient:
    """A client for one mapping, which takes several polls to change."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.requests: list[bool] = []

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "analytics-consumer:live"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"EventSourceMappings": [{"UUID": "mapping-1", "State": state, "LastModified": STOPPED}]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803 - boto3's names
        assert UUID == "mapping-1"
        self.requests.append(Enabled)
        self.states = ["Enabling", "Enabled"] if Enabled else ["Disabling", "Disabling", "Disabled"]


@pytest.mark.parametrize(
    ("states", "requests"),
    [(["Enabled"], [False]), (["Updating", "Enabled"], [False]), (["Disabled"], []), (["Disabling", "Disabled"], [])],
)
def test_a_stopped_mapping_is_disabled(states: Sequence[str], requests: list[bool]) -> None:
    client: Any = LambdaClient(*states)
    EventSourceMapping(client, "analytics-consumer").stop()
    assert client.requests == requests
    assert client.states == ["Disabled"]


def test_a_started_mapping_is_enabled() -> None:
    client: Any = LambdaClient("Disabled")
    EventSourceMapping(client, "analytics-consumer").start()
    assert client.requests == [True]
    assert client.states == ["Enabled"]


def test_a_mapping_says_when_it_was_changed_last() -> None:
    client: Any = LambdaClient("Disabled")
    assert EventSourceMapping(client, "analytics-consumer").changed() == STOPPED.timestamp() * 1000


class MappingPages:
    """A client that lists mappings, a page for each."""

    def __init__(self, *mappings: dict[str, Any]) -> None:
        self.mappings = mappings

    def get_paginator(self, operation: str) -> "MappingPages":
        assert operation == "list_event_source_mappings"
        return self

    def paginate(self) -> Any:
        return iter({"EventSourceMappings": [mapping]} for mapping in self.mappings)


def mapping(function: str, state: str, source: str = "sqs", **more: str) -> dict[str, Any]:
    source_arn = f"arn:aws:{source}:eu-west-1:123456789012:a"
    return {
        "FunctionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{function}",
        "EventSourceArn": source_arn,
        "State": state,
        **more,
    }


def test_the_mappings_of_the_stage_are_read_with_their_problems() -> None:
    client: Any = MappingPages(
        mapping("shop-dev-b-relay", "Enabled", "dynamodb", LastProcessingResult="PROBLEM: ann@example.com failed"),
        mapping("shop-dev-b-relay:live", "Enabled", "dynamodb", LastProcessingResult="No records processed"),
        mapping("shop-dev-a-consumer", "Enabled", LastProcessingResult="OK - 2 records"),
        mapping("shop-dev-c-consumer", "Disabled"),
        mapping("shop-prod-a-consumer", "Enabled"),
    )
    queue, stream = "arn:aws:sqs:eu-west-1:123456789012:a", "arn:aws:dynamodb:eu-west-1:123456789012:a"
    assert mapping_statuses(client, "shop-dev-") == [
        MappingStatus("shop-dev-a-consumer", "queue", "Enabled", None, queue),
        MappingStatus("shop-dev-b-relay", "stream", "Enabled", "Its last batch failed.", stream),
        MappingStatus("shop-dev-b-relay", "stream", "Enabled", None, stream),
        MappingStatus("shop-dev-c-consumer", "queue", "Disabled", "It delivers nothing until it is enabled.", queue),
    ]


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("USER_INITIATED", "It delivers nothing until it is enabled."),
        ("User initiated", "It delivers nothing until it is enabled."),
        ("Lambda initiated", "Lambda itself stopped it. It delivers nothing until it is enabled."),
        ("PROBLEM: ann@example.com", "Lambda itself stopped it. It delivers nothing until it is enabled."),
    ],
)
def test_a_mapping_that_lambda_stopped_is_distinguished_from_one_that_a_user_disabled(
    reason: str, problem: str
) -> None:
    client: Any = MappingPages(mapping("shop-dev-a-consumer", "Disabled", StateTransitionReason=reason))
    (status,) = mapping_statuses(client, "shop-dev-")
    assert status.problem == problem


def test_a_refused_list_of_mappings_is_described_by_its_code() -> None:
    class Refusing:
        def get_paginator(self, _operation: str) -> Any:
            error = {"Error": {"Code": "AccessDeniedException", "Message": "ann@example.com may not"}}
            raise ClientError(error, "ListEventSourceMappings")  # type: ignore[arg-type]  # a whole answer has more

    client: Any = Refusing()
    with pytest.raises(RecoveryError, match="AccessDeniedException") as refused:
        mapping_statuses(client, "shop-dev-")
    assert "ann@example.com" not in str(refused.value)
