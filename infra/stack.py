"""What every stack has: its stage, and outputs under plain names."""

from aws_cdk import CfnOutput, CliCredentialsStackSynthesizer, Stack
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

    def output(self, name: str, value: str) -> None:
        """Tells something of the stack under exactly this name; the command `tidings outputs` reads it."""
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)
