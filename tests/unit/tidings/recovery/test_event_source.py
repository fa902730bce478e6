from collections.abc import Sequence
from typing import Any

import pytest

from tidings.aws.recovery import EventSourceMapping


class LambdaClient:
    """A client for one mapping, which takes several polls to change."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.requests: list[bool] = []

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "analytics-consumer"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"EventSourceMappings": [{"UUID": "mapping-1", "State": state}]}

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
