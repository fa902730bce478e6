"""A Lambda function with its own role and its own log group, as every function of the shop is made."""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.nag import acknowledge
from infra.stages import Stage

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}

BATCHED = {"sns:Publish", "sqs:ChangeMessageVisibility"}
"""Actions that cover an operation and its batch on AWS; the emulator asks for the batch by its own name."""


class Function(lambda_.Function):
    """A function whose role may write its own log and traces, and nothing else until `allow` says so."""

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
            runtime=lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=ARCHITECTURES[stage.machine],
            memory_size=stage.memory_mb,
            timeout=Duration.seconds(stage.timeout),
            tracing=lambda_.Tracing.DISABLED if stage.emulated else lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        self.stage = stage
        self.execution_role = role
        # The CDK has the function wait for its role's policy, and for the role itself once more than is needed.
        cfn_function = self.node.default_child
        if isinstance(cfn_function, CfnResource):
            cfn_function.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "xray:PutTraceSegments and xray:PutTelemetryRecords know no resource (Service Authorization "
            "Reference, AWS X-Ray); a test shows that nothing else is allowed on every resource.",
        )
        acknowledge(
            self,
            "L1",
            "Python 3.13 is what the layer's compiled packages are built and the tests are run for; a newer "
            "runtime is a change of the stage's data, made on purpose.",
        )

    def allow(self, *actions: str, on: Sequence[str]) -> None:
        """Lets the function do this on these resources."""
        batches = [f"{action}Batch" for action in actions if action in BATCHED] if self.stage.emulated else []
        self.add_to_role_policy(iam.PolicyStatement(actions=[*actions, *batches], resources=list(on)))
