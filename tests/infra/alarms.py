"""The alarms in a stage's templates, and the rule that each kind must follow."""

import re
from collections import Counter
from typing import NamedTuple

from tests.infra.synthesis import Resource, Synthesis

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"


class Rule(NamedTuple):
    """The condition of the alarms of one kind.

    Attributes:
        metrics: The namespace, name and statistic of each metric.
        compared: The comparison operator.
        threshold: The threshold; None if it differs between alarms.
        missing: The treatment of missing data.
        periods: A period's seconds, how many periods must be beyond the threshold, and of how many.
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


_FOUND = (0, "notBreaching", 300, 2, 3)
"""The rule of what the watch finds."""

_DEPTH = _rule("AWS/SQS ApproximateNumberOfMessagesVisible Maximum", 0, "ignore", 60, 1, 1)

RULES = {
    "dlq-depth": _DEPTH,
    "undelivered-depth": _DEPTH,
    "relay-dlq-depth": _DEPTH,
    "queue-age": _rule("AWS/SQS ApproximateAgeOfOldestMessage Maximum", 900, "ignore", 60, 3, 3),
    "messages-waiting": _rule("Tidings MessagesWaiting Sum", 0, "notBreaching", 300, 3, 3),
    "relay-lag": _rule("AWS/Lambda IteratorAge Maximum", 60_000, "notBreaching", 60, 3, 3),
    "mapping-stopped": _rule("Tidings MappingsStopped Maximum", *_FOUND),
    "stream-changed": _rule("Tidings StreamsChanged Maximum", *_FOUND),
    "iterator-behind": _rule("Tidings IteratorsBehind Maximum", *_FOUND),
    "watch-missing": _rule("Tidings ProblemsFound SampleCount", 1, "breaching", 300, 3, 3, compared=BELOW),
    "errors": _rule("AWS/Lambda Errors Sum", 0, "notBreaching", 300, 2, 3),
    "throttles": _rule("AWS/Lambda Throttles Sum", 0, "notBreaching", 300, 2, 3),
    "release": _rule("Tidings ErrorsLogged Sum", 0, "notBreaching", 60, 1, 1, share_of="AWS/Lambda Errors Sum"),
    "duration": _rule("AWS/Lambda Duration Maximum", None, "notBreaching", 300, 2, 3),
    "api-5xx": _rule("AWS/ApiGateway 5xx Average", 0.05, "notBreaching", 60, 3, 5),
    "api-latency": _rule("AWS/ApiGateway Latency p99", 3000, "notBreaching", 300, 3, 3),
    "api-4xx": _rule("AWS/ApiGateway 4xx Sum", 25, "notBreaching", 300, 3, 3, share_of="AWS/ApiGateway Count Sum"),
    "expiry-cancelled": _rule("Tidings OrdersExpired Sum", 0, "notBreaching", 300, 1, 1),
    "expiry-stopped": _rule("Tidings ExpiryStopped Maximum", 0, "ignore", 60, 1, 1),
    "expiry-overdue": _rule("Tidings OldestPending Maximum", None, "ignore", 60, 3, 3),
    # Lambda's invocations include failed runs, so the runs that report something are counted.
    "expiry-missing": _rule("Tidings OldestPending SampleCount", 1, "breaching", 60, 5, 5, compared=BELOW),
    "refund-failed": _rule("Tidings RefundFailed Sum", 0, "notBreaching", 300, 1, 1),
    "payment-disputed": _rule("Tidings PaymentDisputed Sum", 0, "notBreaching", 300, 1, 1),
    "unexpected-payment": _rule("Tidings UnexpectedPaymentFound Sum", 0, "notBreaching", 300, 1, 1),
    "checks-overdue": _rule("Tidings OldestCheck Maximum", 900, "ignore", 60, 3, 3),
    "checks-missing": _rule("Tidings OldestCheck SampleCount", 1, "breaching", 60, 5, 5, compared=BELOW),
    "jobs-stuck": _rule("Tidings JobsStuck Sum", 0, "notBreaching", 300, 1, 1),
    "jobs-overdue": _rule("Tidings OldestJob Maximum", 900, "ignore", 60, 3, 3),
    "jobs-missing": _rule("Tidings OldestJob SampleCount", 1, "breaching", 60, 5, 5, compared=BELOW),
    "pushes-failed": _rule("Tidings PushesFailed Sum", 20, "notBreaching", 300, 3, 3),
    "conflicting-body": _rule("Tidings ConflictingBodies Sum", 0, "notBreaching", 300, 1, 1),
    "retention-failed": _rule("Tidings RetentionsFailed Sum", 0, "notBreaching", 300, 3, 3),
}
"""The rule of each kind of alarm."""

LOCAL_RULES = {kind: rule for kind, rule in RULES.items() if kind != "release"} | {
    "api-4xx": _rule("AWS/ApiGateway 4xx Sum", 25, "notBreaching", 300, 3, 3)
}
"""The rules on the emulator, which does not evaluate expressions and deploys all at once."""


def alarms(synthesis: Synthesis) -> list[Resource]:
    return synthesis.resources("AWS::CloudWatch::Alarm")


def kind_of(alarm: Resource) -> str:
    """Return the heading of the alarm's entry in the runbook."""
    found = re.search(r"docs/runbook\.md#([a-z0-9-]+)$", alarm.properties["AlarmDescription"])
    assert found, alarm.properties["AlarmDescription"]
    return found[1]


def kinds_of(synthesis: Synthesis, stack: str) -> Counter[str]:
    """Count the alarms of each kind in a stack."""
    return Counter(kind_of(alarm) for alarm in alarms(synthesis) if alarm.stack == stack)


def rule_of(alarm: Resource) -> Rule:
    """Return an alarm's condition."""
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


def rule_breakers(found: list[Resource], rules: dict[str, Rule]) -> list[tuple[str, Rule]]:
    """Return the alarms that break the rule of their kind."""
    wrong = []
    for alarm in found:
        rule, actual = rules[kind_of(alarm)], rule_of(alarm)
        if actual != (rule if rule.threshold is not None else rule._replace(threshold=actual.threshold)):
            wrong.append((alarm.properties["AlarmName"], actual))
    return wrong
