"""The gradual shift of an API's traffic to a new version, and its rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_logs as logs

from infra.constructs.alarm import MINUTE, MISSING_IS_GOOD, Alarm
from infra.constructs.nag import acknowledge
from tidings.aws.names import ALIAS
from tidings.observability.log import FUNCTION_NAME, FUNCTION_VERSION
from tidings.observability.metrics import NAMESPACE

if TYPE_CHECKING:
    from infra.constructs.function import Function
    from infra.stacks.base import ApplicationStack

ERRORS_LOGGED = "ErrorsLogged"
"""The metric with the number of errors in the log of a function, by its version. A request that fails logs one."""


def shift_traffic(stack: ApplicationStack, function: Function) -> None:
    """Have CodeDeploy move the alias to each new version as the stage says, and back when the new version fails.

    The alarm counts the failures of the new version only. Those of the old one, which the deployment may mend, do not
    stop it.

    Args:
        stack: The stack.
        function: A function that serves requests.
    """
    if not stack.stage.traffic:
        return
    role = function.node.id
    group = codedeploy.LambdaDeploymentGroup(
        stack,
        f"{role}-traffic",
        application=_application(stack),
        deployment_group_name=function.full_name,
        alias=function.live,
        deployment_config=getattr(codedeploy.LambdaDeploymentConfig, stack.stage.traffic),
        alarms=[_release_alarm(stack, function)],
    )
    acknowledge(
        group,
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]",
        'It is AWS\'s own policy for this purpose (AWS CodeDeploy User Guide, "Create a service role for CodeDeploy").',
    )


def _application(stack: ApplicationStack) -> codedeploy.ILambdaApplication:
    """Return the stack's application in CodeDeploy."""
    existing = stack.node.try_find_child("releases")
    if isinstance(existing, codedeploy.LambdaApplication):
        return existing
    return codedeploy.LambdaApplication(stack, "releases", application_name=stack.stack_name)


def _release_alarm(stack: ApplicationStack, function: Function) -> Alarm:
    """Add the alarm on failures of the version that the alias moves to: failed runs, and errors in its log."""
    role, name, version = function.node.id, function.full_name, function.current_version.version
    logs.MetricFilter(
        stack,
        f"{role}-errors-logged",
        log_group=function.log_group,
        filter_pattern=logs.FilterPattern.string_value("$.level", "=", "ERROR"),
        metric_namespace=NAMESPACE,
        metric_name=ERRORS_LOGGED,
        metric_value="1",
        dimensions={field: f"$.{field}" for field in (FUNCTION_NAME, FUNCTION_VERSION)},
    )
    failed = cloudwatch.MathExpression(
        expression="FILL(runs, 0) + FILL(logged, 0)",
        label="failures of the new version",
        using_metrics={
            # Lambda counts by version while an alias is at two of them (AWS Lambda Developer Guide, "Types of metrics
            # for Lambda functions").
            "runs": cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="Errors",
                dimensions_map={"FunctionName": name, "Resource": f"{name}:{ALIAS}", "ExecutedVersion": version},
                statistic="Sum",
                period=MINUTE,
            ),
            "logged": cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=ERRORS_LOGGED,
                dimensions_map={FUNCTION_NAME: name, FUNCTION_VERSION: version},
                statistic="Sum",
                period=MINUTE,
            ),
        },
        period=MINUTE,
    )
    return Alarm(
        stack,
        f"{role}-release",
        kind="release",
        problem=f"The new version of the function {role} of {stack.name} fails; its deployment is undone.",
        metric=failed,
        threshold=0,
        missing=MISSING_IS_GOOD,
    )
