"""Reads the alarms out of a stage's templates, and says what those of each kind must be like."""

import re
from collections import Counter
from typing import NamedTuple

from tests.infra.synthesis import Resource, Synthesis

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"


class Rule(NamedTuple):
    """When alarms of a kind are on. `metrics` are namespace, name and statistic of each metric.

    `periods` are a period's seconds, how many of them must be beyond the threshold, and of how many. A threshold that
    is not the same for all is None.
    """

    metrics: frozenset[str]
    compared: str
    threshold: float | None
    missing: str
    periods: tuple[int, int, int]


def _rule(
    metric: str, threshold: float | None, missing: str, *periods: int, compared: str = ABOVE, share_of: str = ""
) -> Rule:
    period, needed, looked_at = periods
    metrics = frozenset({metric, share_of} - {""})
    return Rule(metrics, compared, threshold, missing, (period, needed, looked_at))


_DEPTH = _rule("AWS/SQS ApproximateNumberOfMessagesVisible Maximum", 0, "ignore", 60, 1, 1)

RULES = {
    "dlq-depth": _DEPTH,
    "undelivered-depth": _DEPTH,
    "relay-dlq-depth": _DEPTH,
    "queue-age": _rule("AWS/SQS ApproximateAgeOfOldestMessage Maximum", 900, "ignore", 60, 3, 3),
    "relay-lag": _rule("AWS/Lambda IteratorAge Maximum", 60_000, "notBreaching", 60, 3, 3),
    "errors": _rule("AWS/Lambda Errors Sum", 0, "notBreaching", 300, 2, 3),
    "throttles": _rule("AWS/Lambda Throttles Sum", 0, "notBreaching", 300, 2, 3),
    "duration": _rule("AWS/Lambda Duration Maximum", None, "notBreaching", 300, 2, 3),
    "api-5xx": _rule("AWS/ApiGateway 5xx Average", 0.05, "notBreaching", 60, 3, 5),
    "api-latency": _rule("AWS/ApiGateway Latency p99", 3000, "notBreaching", 300, 3, 3),
    "api-4xx": _rule("AWS/ApiGateway 4xx Sum", 25, "notBreaching", 300, 3, 3, share_of="AWS/ApiGateway Count Sum"),
    "sweep-swept": _rule("Tidings OrdersSwept Sum", 0, "notBreaching", 300, 1, 1),
    "sweep-pending": _rule("Tidings OldestPending Maximum", None, "ignore", 60, 3, 3),
    # Lambda counts a run that crashes as well: what good runs tell is counted.
    "sweep-silent": _rule("Tidings OldestPending SampleCount", 1, "breaching", 60, 5, 5, compared=BELOW),
}
"""The rule of each kind of alarm."""

LOCAL_RULES = RULES | {"api-4xx": _rule("AWS/ApiGateway 4xx Sum", 25, "notBreaching", 300, 3, 3)}
"""The emulator's: it computes nothing from metrics."""


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


def rule_of(alarm: Resource) -> Rule:
    """When an alarm is on."""
    found = alarm.properties
    parts = [
        (each["MetricStat"]["Metric"], each["MetricStat"]["Stat"], each["MetricStat"]["Period"])
        for each in found.get("Metrics", [])
        if "MetricStat" in each
    ] or [(found, found.get("Statistic") or found["ExtendedStatistic"], found["Period"])]
    (period,) = {period for _, _, period in parts}
    return Rule(
        frozenset(f"{metric['Namespace']} {metric['MetricName']} {statistic}" for metric, statistic, _ in parts),
        found["ComparisonOperator"],
        found["Threshold"],
        found["TreatMissingData"],
        (period, found["DatapointsToAlarm"], found["EvaluationPeriods"]),
    )


def unlike(found: list[Resource], rules: dict[str, Rule]) -> list[tuple[str, Rule]]:
    """The alarms that are not as their kind must be."""
    wrong = []
    for alarm in found:
        rule, actual = rules[kind_of(alarm)], rule_of(alarm)
        if actual != (rule if rule.threshold is not None else rule._replace(threshold=actual.threshold)):
            wrong.append((alarm.properties["AlarmName"], actual))
    return wrong
