"""Schedules that invoke functions, and the alarms on a scheduled job whose work is late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler

from infra.constructs.alarm import MINUTE, MISSING_IS_BAD, MISSING_KEEPS_STATE, Alarm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.constructs.function import Function
    from infra.stacks.base import ApplicationStack


def invoke_on_schedule(
    stack: Stack,
    name: str,
    function: Function,
    description: str,
    every: Duration = MINUTE,
    event: Mapping[str, Any] | None = None,
) -> None:
    """Invoke a function on a schedule. A run that could not start is not repeated: the next run does its work.

    Args:
        stack: The stack.
        name: The last part of the schedule's name.
        function: The function. It may have several schedules.
        description: The schedule's description.
        every: The time between two runs: one or more whole minutes.
        event: The function's event; an empty object if omitted.
    """
    scheduler.CfnSchedule(
        stack,
        f"{name}-schedule",
        name=f"{stack.stack_name}-{name}",
        description=description,
        schedule_expression=scheduler.ScheduleExpression.rate(every).expression_string,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.live.function_arn,
            role_arn=_schedules_role(stack, function).role_arn,
            input=msgspec.json.encode(event or {}).decode(),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_retry_attempts=0, maximum_event_age_in_seconds=60
            ),
        ),
    )


def _schedules_role(stack: Stack, function: Function) -> iam.Role:
    """Return the role that all schedules of a function share, and which may invoke nothing else."""
    name = f"{function.node.id}-schedules-role"
    existing = stack.node.try_find_child(name)
    if isinstance(existing, iam.Role):
        return existing
    # The schedules invoke the function asynchronously. Lambda would keep a failed run for hours and repeat it.
    function.live.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
    role = iam.Role(
        stack,
        name,
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            # Without the condition, another account's schedule could use the role (the "confused deputy" problem).
            conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
        ),
    )
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.live.function_arn]))
    return role


def alarm_on_late_work(
    stack: ApplicationStack, job: str, oldest: str, limit: int, *, overdue: str, missing: str
) -> None:
    """Add the alarms `<job>-overdue` and `<job>-missing` on a job that runs every minute.

    The first is on while the oldest entity that waits for the job is older than a limit; the second when no run has
    finished for five minutes.

    Args:
        stack: The stack.
        job: The job's name.
        oldest: The metric with the age of the oldest such entity in seconds; 0 if none waits. Every run reports it when
            it finishes, and only then. Lambda's own count of invocations includes failed runs.
        limit: The limit in seconds.
        overdue: The problem of the first alarm, in one sentence.
        missing: The problem of the second alarm, in one sentence.
    """
    Alarm(
        stack,
        f"{job}-overdue",
        problem=overdue,
        metric=stack.metric(oldest, "Maximum", MINUTE),
        threshold=limit,
        # If the job reports nothing, the next alarm is on.
        missing=MISSING_KEEPS_STATE,
        periods=(3, 3),
        critical=True,
    )
    Alarm(
        stack,
        f"{job}-missing",
        problem=missing,
        metric=stack.metric(oldest, "SampleCount", MINUTE),
        threshold=1,
        missing=MISSING_IS_BAD,
        periods=(5, 5),
        below=True,
        critical=True,
    )
