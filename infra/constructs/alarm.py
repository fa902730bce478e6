"""An alarm on a metric, with an entry in the runbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from tidings.aws.monitoring import describe_alarm

if TYPE_CHECKING:
    from infra.stacks.base import ApplicationStack

RUNBOOK = "docs/runbook.md"

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)

MISSING_IS_GOOD = cloudwatch.TreatMissingData.NOT_BREACHING
"""For metrics that are reported only when something happens."""

MISSING_KEEPS_STATE = cloudwatch.TreatMissingData.IGNORE
"""For levels that stay as they were while nothing is reported.

SQS reports nothing for a queue that was not used for six hours, whatever the queue contains (Amazon SQS Developer
Guide, "Available CloudWatch metrics for Amazon SQS").
"""

MISSING_IS_BAD = cloudwatch.TreatMissingData.BREACHING
"""For metrics that are reported on a schedule."""


class Alarm(cloudwatch.Alarm):
    """An alarm that is on while a metric is above its threshold.

    Args:
        stack: The stack. The alarm's name is the stack's and `name`.
        name: What it is about: `dlq-depth`.
        problem: The problem, in one sentence.
        metric: The metric.
        threshold: The threshold.
        missing: What missing data means.
        kind: The heading of its entry in the runbook; `name` if omitted.
        periods: How many of the last how many periods must be above the threshold.
        below: Whether the alarm is on while the metric is below the threshold instead.
        critical: Whether events or work may be lost. The composite alarm includes it then.
    """

    def __init__(
        self,
        stack: ApplicationStack,
        name: str,
        *,
        problem: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        missing: cloudwatch.TreatMissingData,
        kind: str | None = None,
        periods: tuple[int, int] = (1, 1),
        below: bool = False,
        critical: bool = False,
    ) -> None:
        operator = cloudwatch.ComparisonOperator
        self.full_name = f"{stack.stack_name}-{name}"
        self.critical = critical
        super().__init__(
            stack,
            f"{name}-alarm",
            alarm_name=self.full_name,
            alarm_description=describe_alarm(problem, f"{RUNBOOK}#{kind or name}"),
            metric=metric,
            threshold=threshold,
            comparison_operator=operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_THRESHOLD,
            datapoints_to_alarm=periods[0],
            evaluation_periods=periods[1],
            treat_missing_data=missing,
        )
        stack.alarms.append(self)
