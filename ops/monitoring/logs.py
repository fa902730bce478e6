"""The logs of a stage's functions, and the access log of its API."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ops.errors import CommandError
from ops.stage import DeployedStage
from tidings.core.clock import to_rfc3339

ACCESS_LOG = "api"
"""The name of the API's access log. The other logs have the names of their functions."""


@dataclass(frozen=True)
class LineFilter:
    """A filter of log lines.

    Attributes:
        pattern: Selects them on AWS, where all lines are JSON. Emulators ignore it and return all lines.
        expression: Selects them here, in AWS's form and in the text that an emulator's Lambda writes.
    """

    pattern: str
    expression: re.Pattern[str]


def with_status(status: str) -> LineFilter:
    """Return the filter of the requests that the API answered with a status, or with one that begins so (`5`)."""
    return LineFilter(f'{{ $.status = "{status}*" }}', re.compile(rf'"status": ?"{status}'))


# AWS Lambda Developer Guide, "Configuring JSON and plain text log formats".
RUNS = LineFilter('{ $.type = "platform.report" }', re.compile(r'"type": ?"platform\.report"|^REPORT '))
"""Lambda's report of each run: duration, memory, outcome."""

FAILED_STATUSES = ("timeout", "error", "failure")
"""The outcomes of failed runs (AWS Lambda Developer Guide, "Lambda Telemetry API Event schema reference")."""

PROBLEMS = LineFilter(
    "{ "
    + " || ".join(
        [
            '($.level = "WARN*") || ($.level = "ERROR") || ($.level = "CRITICAL")',
            *(f'($.record.status = "{status}")' for status in FAILED_STATUSES),
        ]
    )
    + " }",
    # Functions write JSON. Other text that is not Lambda's is left by a crash.
    re.compile(
        r'"level": ?"(?:WARN|ERROR|CRITICAL)'
        rf'|"status": ?"(?:{"|".join(FAILED_STATUSES)})"|^REPORT .*Status: (?:{"|".join(FAILED_STATUSES)})'
        r"|^(?!\{|START |END |REPORT )"
    ),
)
"""Warnings, errors, crashes, and runs that exceeded their time or memory."""


def log_lines(
    stage: DeployedStage,
    log: str,
    since: int,
    *,
    filters: Sequence[LineFilter] = (),
    containing: str = "",
) -> Iterator[str]:
    """Iterate over a log's lines, oldest first.

    Args:
        stage: The stage.
        log: The name of a function (`orders-consumer`), or `ACCESS_LOG`.
        since: The time of the earliest line, in milliseconds since 1970.
        filters: The filters that each line passes.
        containing: A text that each line contains.

    Raises:
        CommandError: If there is no such log.
    """
    client = stage.client("logs")
    folder = "vendedlogs" if log == ACCESS_LOG else "lambda"
    # A quoted text is searched for literally; an empty pattern matches every line.
    text = '"' + containing.replace('"', '\\"') + '"' if containing else ""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/{folder}/{stage.prefix}{log}",
        startTime=since,
        filterPattern=filters[0].pattern if filters else text,
    )
    try:
        for page in pages:
            for event in page["events"]:
                line = event["message"].rstrip()
                if containing in line and all(each.expression.search(line) for each in filters):
                    yield f"{to_rfc3339(event['timestamp'])} {line}"
    except client.exceptions.ResourceNotFoundException as error:
        prefix = f"/aws/lambda/{stage.prefix}"
        groups = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        names = [group["logGroupName"].removeprefix(prefix) for page in groups for group in page["logGroups"]]
        close = get_close_matches(log, names, cutoff=0.5) or ["orders-consumer"]
        raise CommandError(
            f"the stage {stage.name} has no function {log!r}; a function is named like {' or '.join(close)}, "
            f"and {ACCESS_LOG} is the API's access log"
        ) from error
