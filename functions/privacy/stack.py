"""Privacy's own resources: the bucket of exports, and the scheduled function that runs jobs and retention."""

from typing import Any

import msgspec
from aws_cdk import ArnFormat
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3

from functions.privacy.files import KEPT_DAYS
from functions.privacy.service import JOBS, RETENTION
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_GOOD, Alarm
from infra.constructs.bucket import add_private_bucket
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.schedule import alarm_on_late_work, invoke_on_schedule
from infra.shop import ShopSettings
from infra.stacks.service import PERSONAL, ServiceStack
from tidings.aws.names import ALIAS
from tidings.core.service import Service

OVERDUE = 15 * 60
"""Seconds after which a job that was due is overdue."""


TIMEOUT = 60
"""Seconds that a run may take: a minute, after which the next begins.

It waits for the functions of other services, which may have to start first.
"""


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add the bucket, and the function with its schedule and its alarms.

    Raises:
        ValueError: If not exactly one service lists a person's orders.
    """
    bucket = _add_bucket(stack)
    api = stack.functions["api"]
    api.add_environment("BUCKET", bucket.bucket_name)
    # A link makes one request with the permission of the function that signed it.
    _allow_on_files(api, bucket, "s3:GetObject")
    jobs = _add_function(stack, settings, bucket)
    invoke_on_schedule(stack, "jobs", jobs, "Runs the exports and erasures of personal data, and ends retentions")
    _add_alarms(stack)
    stack.graphs.append(
        cloudwatch.GraphWidget(
            title="Jobs: how long the oldest has been due (s); failed jobs and retentions",
            left=[stack.metric("OldestJob", "Maximum", MINUTE)],
            right=[stack.metric(name, "Sum", MINUTE) for name in ("JobsFailed", "RetentionsFailed")],
            width=8,
            height=6,
        )
    )


def personal_functions(stack: ServiceStack) -> dict[str, str]:
    """Return the names of the functions that tell of people's orders, each with its alias, by service.

    They are names and no references, so that this stack depends on no other service's.
    """
    application = stack.application
    return {
        service.name: f"{application.resource_name(service.name, PERSONAL)}:{ALIAS}"
        for service in _services(stack)
        if service.answers_about_people
    }


def _services(stack: ServiceStack) -> list[Service[Any]]:
    return [folder.service for folder in stack.application.services]


def _listing_service(stack: ServiceStack) -> str:
    found = [service.name for service in _services(stack) if service.list_of]
    if len(found) != 1:
        raise ValueError(f"one service lists a person's orders, and not {', '.join(found) or 'none'}")
    return found[0]


def _add_bucket(stack: ServiceStack) -> s3.Bucket:
    bucket = add_private_bucket(stack, "exports", KEPT_DAYS)
    acknowledge(
        bucket,
        "S1",
        "A server access log would keep who read whose data in a further place. Each link is made by a request that "
        "the API's access log has, and is valid for 15 minutes.",
    )
    return bucket


def _add_function(stack: ServiceStack, settings: ShopSettings, bucket: s3.Bucket) -> Function:
    functions = personal_functions(stack)
    jobs = stack.add_function(
        "jobs",
        "functions.privacy.jobs.function.handler",
        "Exports and erases personal data",
        {
            "TABLE": stack.table.table_name,
            JOBS.variable: JOBS.name,
            RETENTION.variable: RETENTION.name,
            "BUCKET": bucket.bucket_name,
            "USER_POOL": stack.users.pool.user_pool_id,
            "PERSONAL_FUNCTIONS": msgspec.json.encode(functions).decode(),
            "LISTING_SERVICE": _listing_service(stack),
            "RETENTION_SECONDS": str(settings.retention_days * 24 * 60 * 60),
            "PASS_INTERVAL_SECONDS": str(settings.erasure_interval),
        },
        timeout=TIMEOUT,
    )
    jobs.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stack.table.table_arn])
    jobs.allow("dynamodb:Query", on=[f"{stack.table.table_arn}/index/{index.name}" for index in (JOBS, RETENTION)])
    arns = [
        stack.format_arn(
            service="lambda", resource="function", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        for name in functions.values()
    ]
    jobs.allow("lambda:InvokeFunction", on=arns)
    jobs.allow("cognito-idp:AdminGetUser", "cognito-idp:AdminDeleteUser", on=[stack.users.pool.user_pool_arn])
    _allow_on_files(jobs, bucket, "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    jobs.allow("s3:ListBucket", on=[bucket.bucket_arn])
    return jobs


def _allow_on_files(function: Function, bucket: s3.Bucket, *actions: str) -> None:
    """Allow a function actions on all files of the bucket."""
    function.allow(*actions, on=[bucket.arn_for_objects("*")])
    bucket_id, _ = function.stack.resolve(bucket.bucket_arn)["Fn::GetAtt"]
    acknowledge(
        function.execution_role,
        f"IAM5[Resource::<{bucket_id}.Arn>/*]",
        "The bucket contains files of exports only. Their names begin with customers' ids, which no policy knows.",
    )


def _add_alarms(stack: ServiceStack) -> None:
    Alarm(
        stack,
        "jobs-stuck",
        problem="An export or an erasure of personal data fails again and again.",
        metric=stack.metric("JobsStuck", "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
    )
    Alarm(
        stack,
        "retention-failed",
        problem="The personal data of orders cannot be erased at the end of its retention.",
        metric=stack.metric("RetentionsFailed", "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
        periods=(3, 3),
    )
    alarm_on_late_work(
        stack,
        "jobs",
        "OldestJob",
        OVERDUE,
        overdue="An export or an erasure of personal data has not been tried although it was due.",
        missing="No run of the exports and erasures of personal data has finished for five minutes.",
    )
