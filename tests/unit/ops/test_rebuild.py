from collections.abc import Sequence
from typing import Any

import pytest

from ops.rebuild import Mapping


class Lambda:
    """One mapping, which takes some looks to change, as on AWS."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.asked: list[bool] = []

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "analytics-consumer"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"EventSourceMappings": [{"UUID": "mapping-1", "State": state}]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803 - boto3's names
        assert UUID == "mapping-1"
        self.asked.append(Enabled)
        self.states = ["Enabling", "Enabled"] if Enabled else ["Disabling", "Disabling", "Disabled"]


@pytest.mark.parametrize(
    ("states", "asked"),
    [(["Enabled"], [False]), (["Updating", "Enabled"], [False]), (["Disabled"], []), (["Disabling", "Disabled"], [])],
)
def test_a_mapping_is_off_when_it_says_so(states: Sequence[str], asked: list[bool]) -> None:
    client: Any = Lambda(*states)
    Mapping(client, "analytics-consumer").off()
    assert client.asked == asked
    assert client.states == ["Disabled"]


def test_a_mapping_is_on_when_it_says_so() -> None:
    client: Any = Lambda("Disabled")
    Mapping(client, "analytics-consumer").on()
    assert client.asked == [True]
    assert client.states == ["Enabled"]
