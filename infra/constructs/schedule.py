"""A schedule that invokes a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler

if TYPE_CHECKING:
    from infra.constructs.function import Function


def invoke_every_minute(stack: Stack, name: str, function: Function, description: str) -> None:
    """Invoke a function every minute. A run that could not start is not repeated: the next run does its work.

    Args:
        stack: The stack.
        name: The last part of the schedule's name.
        function: The function.
        description: The schedule's description.
    """
    # The schedule invokes the function asynchronously. Lambda would keep a failed run for hours and repeat it.
    function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
    role = iam.Role(
        stack,
        "schedule-role",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            # Without the condition, another account's schedule could use the role (the "confused deputy" problem).
            conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
        ),
    )
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]))
    scheduler.CfnSchedule(
        stack,
        "schedule",
        name=f"{stack.stack_name}-{name}",
        description=description,
        schedule_expression="rate(1 minute)",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function_arn,
            role_arn=role.role_arn,
            input="{}",
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_retry_attempts=0, maximum_event_age_in_seconds=60
            ),
        ),
    )
