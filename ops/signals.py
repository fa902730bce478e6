"""What a stage says of itself: which of its alarms are on, and what stands in its logs."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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


ACCESS_LOG = "api"
"""How the API's access log is called among the logs, which go by their functions' names otherwise."""


@dataclass(frozen=True)
class Lines:
    """Some of a log's lines.

    `pattern` finds them on AWS, where all lines are JSON; emulators know no such pattern, and hand over everything.
    `found` tells them apart here, in AWS's form and in the text that an emulator's Lambda writes beside the functions.
    """

    pattern: str
    found: re.Pattern[str]


def answered(status: str) -> Lines:
    """The requests that the API answered with this status, or with one that begins so (`5`)."""
    return Lines(f'{{ $.status = "{status}*" }}', re.compile(rf'"status": ?"{status}'))


# AWS Lambda Developer Guide, "Configuring JSON and plain text log formats".
RUNS = Lines('{ $.type = "platform.report" }', re.compile(r'"type": ?"platform\.report"|^REPORT '))
"""What Lambda reports of each run: how long it took, how much memory, how it ended."""

BROKEN = ("timeout", "error", "failure")
"""How a run ends that came to no answer (AWS Lambda Developer Guide, "Lambda Telemetry API Event schema reference")."""

PROBLEMS = Lines(
    "{ "
    + " || ".join(
        [
            '($.level = "WARN*") || ($.level = "ERROR") || ($.level = "CRITICAL")',
            *(f'($.record.status = "{status}")' for status in BROKEN),
        ]
    )
    + " }",
    # Functions write JSON: text that is not Lambda's own is what a crash left behind.
    re.compile(
        r'"level": ?"(?:WARN|ERROR|CRITICAL)'
        rf'|"status": ?"(?:{"|".join(BROKEN)})"|^REPORT .*Status: (?:{"|".join(BROKEN)})'
        r"|^(?!\{|START |END |REPORT )"
    ),
)
"""Warnings, errors, crashes, and runs that ran out of time or memory."""


def log_lines(
    stage: Stage,
    log: str,
    since_seconds: int,
    *,
    only: Sequence[Lines] = (),
    containing: str = "",
    clock: Callable[[], int] = now,
) -> Iterator[str]:
    """What was logged within so many seconds, oldest first: those lines that are of all these kinds and contain this.

    `log` is a function's name (`orders-consumer`), or that of the access log; Failure where there is no such log.
    """
    client = stage.session.client("logs", endpoint_url=stage.endpoint)
    folder = "vendedlogs" if log == ACCESS_LOG else "lambda"
    # In quotes, it is looked for as it stands; an empty pattern finds everything.
    text = '"' + containing.replace('"', '\\"') + '"' if containing else ""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/{folder}/{stage.prefix}{log}",
        startTime=clock() - since_seconds * 1000,
        filterPattern=only[0].pattern if only else text,
    )
    try:
        for page in pages:
            for event in page["events"]:
                line = event["message"].rstrip()
                if containing in line and all(each.found.search(line) for each in only):
                    yield f"{rfc3339(event['timestamp'])} {line}"
    except client.exceptions.ResourceNotFoundException as error:
        raise Failure(
            f"the stage {stage.name} has no function {log}; they are named like orders-consumer, "
            f"and {ACCESS_LOG} is the API's access log"
        ) from error
