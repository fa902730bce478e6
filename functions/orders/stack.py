"""What the stack of orders has more than others': the catalogue's memory, and the sweep of what stays pending."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler

from functions.orders.pending import INDEX
from infra.alarms import FIVE_MINUTES, MINUTE, NOTHING_HAPPENED, TROUBLE, UNCHANGED, alarm, own_metric
from infra.function import Function
from infra.service import ServiceStack


def extend(stack: ServiceStack) -> None:
    """Tells the API's function for how many seconds it may remember a product; sweeps once a minute."""
    stack.functions["api"].add_environment("PRODUCT_CACHE_SECONDS", str(stack.stage.product_cache))
    sweep = _sweep(stack)
    _schedule(stack, sweep)
    _watch(stack)


def _sweep(stack: ServiceStack) -> Function:
    sweep = stack.function(
        "sweep",
        "functions.orders.sweep.handler",
        "Cancels the orders that have been pending for too long",
        {
            "TABLE": stack.table.table_name,
            INDEX.variable: INDEX.name,
            "PENDING_LIMIT_SECONDS": str(stack.stage.pending_limit),
        },
    )
    # The schedule hands a run to Lambda's own queue, which would keep it for hours and try it again.
    sweep.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
    sweep.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stack.table.table_arn])
    sweep.allow("dynamodb:Query", on=[f"{stack.table.table_arn}/index/{INDEX.name}"])
    return sweep


def _schedule(stack: ServiceStack, sweep: Function) -> None:
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
    role = iam.Role(
        stack,
        "schedule-role",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            # Else somebody else's schedule could use the role ("confused deputy").
            conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
        ),
    )
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[sweep.function_arn]))
    scheduler.CfnSchedule(
        stack,
        "schedule",
        name=f"{stack.stack_name}-sweep",
        description="Runs the sweep of pending orders",
        schedule_expression="rate(1 minute)",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=sweep.function_arn,
            role_arn=role.role_arn,
            input="{}",
            # A run that could not be started is neither kept nor tried again: the next one, a minute later, does all
            # that it would have done, and an alarm tells when none comes.
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_retry_attempts=0, maximum_event_age_in_seconds=60
            ),
        ),
    )


def _watch(stack: ServiceStack) -> None:
    stage, name = stack.stage, stack.service.name
    swept = own_metric(stage, name, "OrdersSwept", "Sum", FIVE_MINUTES)
    means = f"Orders were cancelled for having been pending for {stage.pending_limit} seconds."
    alarm(stack, "sweep-swept", "sweep-swept", means, swept, 0, NOTHING_HAPPENED)
    oldest = own_metric(stage, name, "OldestPending", "Maximum", MINUTE)
    means = "An order is still pending though it should have been swept."
    # Where the sweep tells nothing, the next alarm does.
    limit = stage.pending_limit + 5 * 60
    alarm(stack, "sweep-pending", "sweep-pending", means, oldest, limit, UNCHANGED, periods=(3, 3))
    # Every run that comes to its end tells the oldest, and no other does: Lambda counts what crashed as a run as well.
    runs = own_metric(stage, name, "OldestPending", "SampleCount", MINUTE)
    means = "For five minutes, no sweep has come to its end."
    alarm(stack, "sweep-silent", "sweep-silent", means, runs, 1, TROUBLE, periods=(5, 5), below=True)
