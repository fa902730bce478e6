"""What every stack has: its stage, and outputs under plain names."""

from aws_cdk import CfnOutput, CliCredentialsStackSynthesizer, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.stages import Stage


class StageStack(Stack):
    """A stack of one stage, named `tidings-<stage>-<name>`."""

    def __init__(self, scope: Construct, name: str, stage: Stage, description: str) -> None:
        super().__init__(
            scope,
            stage.named(name),
            description=description,
            termination_protection=stage.protected,
            # The emulator does not understand the conditions of the bootstrap's roles.
            synthesizer=CliCredentialsStackSynthesizer() if stage.emulated else None,
        )
        self.stage = stage

    def own_key(self, encrypts: str) -> kms.Key:
        """A key of the stack's own, which has the stack's name; what it `encrypts` stands in its description."""
        return kms.Key(
            self,
            "key",
            alias=self.stack_name,
            description=f"Encrypts {encrypts}",
            enable_key_rotation=True,
            removal_policy=self.stage.removal_policy,
        )

    def output(self, name: str, value: str) -> None:
        """Tells something of the stack under exactly this name; the command `tidings outputs` reads it."""
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)
