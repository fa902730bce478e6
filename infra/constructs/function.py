"""A Lambda function with its own role and log group."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.nag import acknowledge
from infra.stages import Stage
from tidings.aws.names import ALIAS

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}

BATCH_ACTIONS = {"sns:Publish", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage"}
"""Actions that on AWS also cover the batch operation. The emulator checks a separate action for the batch."""


class Function(lambda_.Function):
    """A function whose role can write its own log and traces, and what `allow` adds.

    It is invoked by its alias only, so a deployment replaces its code and its configuration at once.

    Attributes:
        live: The alias. Routes, mappings and schedules name it.
        full_name: The function's name.
        serves: Whether it answers requests, so that somebody waits for it.

    Args:
        scope: The stack.
        name: The last part of the function's name.
        stage: The stage.
        description: The description on the console.
        handler: The handler: `examples.helpdesk.services.desk.serve.handler`.
        code: The code.
        layers: The layers.
        environment: The environment variables.
        timeout: The timeout in seconds; the stage's if omitted.
        serves: Whether it answers requests. Then it starts from a snapshot and its traffic shifts gradually, where the
            stage says so.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        description: str,
        handler: str,
        code: lambda_.Code,
        layers: Sequence[lambda_.ILayerVersion] = (),
        environment: Mapping[str, str] | None = None,
        timeout: int | None = None,
        serves: bool = False,
    ) -> None:
        full_name = f"{Stack.of(scope).stack_name}-{name}"
        log_group = logs.LogGroup(
            scope,
            f"{name}-logs",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=stage.log_retention,
            removal_policy=stage.removal_policy,
        )
        role = iam.Role(scope, f"{name}-role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        super().__init__(
            scope,
            name,
            function_name=full_name,
            description=description,
            handler=handler,
            code=code,
            layers=list(layers),
            environment=dict(environment or {}),
            role=role,
            log_group=log_group,
            runtime=lambda_.Runtime(
                f"python{stage.python}", lambda_.RuntimeFamily.PYTHON, supports_snap_start=stage.has_snap_start
            ),
            architecture=ARCHITECTURES[stage.machine],
            memory_size=stage.memory_mb,
            timeout=Duration.seconds(timeout or stage.timeout),
            tracing=lambda_.Tracing.DISABLED if stage.emulated else lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            # The emulator ends the processes of a version that is deleted by its API only; see `ops.local.versions`.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN)
            if stage.emulated
            else None,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if serves and stage.has_snap_start else None,
        )
        self.stage = stage
        self.full_name = full_name
        self.serves = serves
        # Its alias is at a published version.
        Annotations.of(self).acknowledge_warning("@aws-cdk/aws-lambda:snapStartRequirePublish")
        self.live = lambda_.Alias(self, ALIAS, alias_name=ALIAS, version=self.current_version)
        self.execution_role = role
        # The CDK makes the function depend on its role's policy and, redundantly, on the role.
        cfn_function = self.node.default_child
        if isinstance(cfn_function, CfnResource):
            cfn_function.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "xray:PutTraceSegments and xray:PutTelemetryRecords support no resource (Service Authorization "
            "Reference, AWS X-Ray). A test names the only other actions that are allowed on every resource.",
        )
        acknowledge(
            self,
            "L1",
            "The layer's compiled packages are built for Python 3.13, and the tests run on it. A newer runtime is a "
            "deliberate change of the stage.",
        )

    def allow(
        self, *actions: str, on: Sequence[str], conditions: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Allow the function these actions on these resources.

        Args:
            actions: The actions: `dynamodb:GetItem`.
            on: The ARNs of the resources.
            conditions: Values of condition keys by operator: `{"StringEquals": {"ses:FromAddress": "news@a.net"}}`.
        """
        batches = [f"{action}Batch" for action in actions if action in BATCH_ACTIONS] if self.stage.emulated else []
        self.add_to_role_policy(
            iam.PolicyStatement(actions=[*actions, *batches], resources=list(on), conditions=conditions)
        )
