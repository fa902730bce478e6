"""The base of every stack: its application and stage, its outputs, its alarms."""

from aws_cdk import CfnOutput, CliCredentialsStackSynthesizer, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.application import Application
from infra.constructs.alarm import Alarm
from tidings.observability.metrics import NAMESPACE


class ApplicationStack(Stack):
    """A stack of an application in one stage, named `<application>-<stage>-<name>`.

    Attributes:
        application: The application.
        stage: The application's stage.
        name: The last part of the stack's name.
        alarms: The stack's alarms.
    """

    def __init__(self, scope: Construct, name: str, application: Application, description: str) -> None:
        stage = application.stage
        super().__init__(
            scope,
            application.resource_name(name),
            description=f"{application.title}: {description}",
            termination_protection=stage.protected,
            # The emulator does not support the conditions of the bootstrap's roles.
            synthesizer=CliCredentialsStackSynthesizer() if stage.emulated else None,
        )
        self.application = application
        self.stage = stage
        self.name = name
        self.alarms: list[Alarm] = []

    def add_key(self, encrypted: str) -> kms.Key:
        """Add a KMS key under the stack's name.

        Args:
            encrypted: What the key encrypts, for its description.
        """
        return kms.Key(
            self,
            "key",
            alias=self.stack_name,
            description=f"Encrypts {encrypted}",
            enable_key_rotation=True,
            removal_policy=self.stage.removal_policy,
        )

    def metric(self, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
        """Return a metric that the stack's functions emit."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"Stage": self.stage.name, "Service": self.name},
            statistic=statistic,
            period=period,
        )

    def add_output(self, name: str, value: str) -> None:
        """Add an output with exactly this name. The command `tidings outputs` reads outputs by name."""
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)
