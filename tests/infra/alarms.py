"""Reads the alarms out of a stage's templates."""

import re
from collections import Counter

from tests.infra.synthesis import Resource, Synthesis


def alarms(synthesis: Synthesis) -> list[Resource]:
    return synthesis.resources("AWS::CloudWatch::Alarm")


def kind_of(alarm: Resource) -> str:
    """The alarm's entry in the runbook."""
    found = re.search(r"docs/runbook\.md#([a-z0-9-]+)$", alarm.properties["AlarmDescription"])
    assert found, alarm.properties["AlarmDescription"]
    return found[1]


def kinds_of(synthesis: Synthesis, stack: str) -> Counter[str]:
    """How many alarms of each kind a stack has."""
    return Counter(kind_of(alarm) for alarm in alarms(synthesis) if alarm.stack == stack)
