"""What a stage says of itself: which of its alarms are on, and what its functions wrote into their logs."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from ops.failure import Failure
from ops.stage import Stage
from tidings.clock import now, rfc3339


class Alarm(Struct, frozen=True):
    """An alarm that is on, since when (RFC 3339), and what it means."""

    name: str
    since: str
    means: str


def alarms_on(stage: Stage) -> list[Alarm]:
    """The alarms of the stage that are on, the latest first."""
    client = stage.session.client("cloudwatch", endpoint_url=stage.endpoint)
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=stage.prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    found = [
        Alarm(
            each["AlarmName"],
            rfc3339(int(each["StateUpdatedTimestamp"].timestamp() * 1000)),
            each.get("AlarmDescription", ""),
        )
        for page in pages
        for each in [*page.get("CompositeAlarms", []), *page.get("MetricAlarms", [])]
        if each["StateValue"] == "ALARM"
    ]
    return sorted(found, key=lambda alarm: alarm.since, reverse=True)


def log_lines(
    stage: Stage, function: str, since_seconds: int, containing: str | None, clock: Callable[[], int] = now
) -> Iterator[str]:
    """What a function (`orders-consumer`) logged within so many seconds, oldest first; Failure where there is none."""
    client = stage.session.client("logs", endpoint_url=stage.endpoint)
    # In quotes, it is looked for as it stands; an empty pattern finds everything.
    pattern = '"' + containing.replace('"', '\\"') + '"' if containing else ""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{stage.prefix}{function}",
        startTime=clock() - since_seconds * 1000,
        filterPattern=pattern,
    )
    try:
        for page in pages:
            for event in page["events"]:
                yield f"{rfc3339(event['timestamp'])} {event['message'].rstrip()}"
    except client.exceptions.ResourceNotFoundException as error:
        raise Failure(
            f"the stage {stage.name} has no function {function}; they are named like orders-consumer"
        ) from error
