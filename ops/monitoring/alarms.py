"""The alarms of a stage."""

from msgspec import Struct

from ops.stage import DeployedStage
from tidings.core.clock import to_rfc3339


class Alarm(Struct, frozen=True):
    """An active alarm, since when (RFC 3339), and its description."""

    name: str
    since: str
    description: str


def active_alarms(stage: DeployedStage) -> list[Alarm]:
    """Return the stage's active alarms, latest first."""
    pages = (
        stage.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=stage.prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    found = [
        Alarm(
            alarm["AlarmName"],
            to_rfc3339(int(alarm["StateUpdatedTimestamp"].timestamp() * 1000)),
            alarm.get("AlarmDescription", ""),
        )
        for page in pages
        for alarm in [*page.get("CompositeAlarms", []), *page.get("MetricAlarms", [])]
        if alarm["StateValue"] == "ALARM"
    ]
    return sorted(found, key=lambda alarm: alarm.since, reverse=True)
