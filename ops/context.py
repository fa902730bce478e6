"""The context of a command: its stage, and the options that all commands share."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from ops.errors import CommandError
from ops.ids import parse_order_id
from ops.local.cloud import LocalCloud
from ops.orders.client import ShopClient
from ops.outputs import Outputs, outputs_of
from ops.stage import LOCAL, DeployedStage, check_name, command_line, stage_named, state_directory
from ops.times import parse_since
from ops.users import CUSTOMER, OPERATOR, token_for

USER = "TIDINGS_USER"
"""The environment variable with the user's name."""

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Rate = Annotated[float | None, typer.Option(min=0.1, help="Maximum number of messages a second.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count the messages, and send none.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME|DURATION",
        parser=parse_since,
        help="A time like 2026-11-22T01:30:00Z, or a duration before now like 15m, 2h or 3d.",
    ),
]
OrderId = Annotated[
    str, typer.Argument(metavar="ORDER", parser=parse_order_id, help="The order's id, which is a UUID in lower case.")
]
Operator = Annotated[
    str | None, typer.Option("--user", envvar=USER, help="The operator's name; default on the stage local: operator.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@dataclass
class CommandContext:
    """The stage that a command works on, read when it is first needed.

    Attributes:
        stage_name: The stage's name.
        cloud: The local cloud.
    """

    stage_name: str
    cloud: LocalCloud

    @cached_property
    def stage(self) -> DeployedStage:
        """The stage."""
        return stage_named(self.stage_name, self.cloud)

    @cached_property
    def outputs(self) -> Outputs:
        """The stage's resources."""
        return outputs_of(self.stage)

    @property
    def is_local(self) -> bool:
        """True if the stage is the local cloud's."""
        return self.stage_name == LOCAL

    @property
    def directory(self) -> Path:
        """The folder for files that outlast a command."""
        return self.cloud.directory if self.is_local else state_directory()

    def shop(self, user: str | None = None, *, operator: bool = False) -> ShopClient:
        """Return the API's client for a user, or for the token in TIDINGS_TOKEN.

        Args:
            user: The user's name; None for the default of the stage local.
            operator: Whether the user is an operator.
        """
        name = user or (OPERATOR if operator else CUSTOMER)
        token = os.environ.get("TIDINGS_TOKEN") or token_for(self.stage, self.outputs, name, operator=operator)
        return ShopClient(self.outputs.api, token, operator=operator)

    def command(self, arguments: str) -> str:
        """Return a command as it must be typed for this stage."""
        return command_line(self.stage_name, arguments)

    def require_local(self) -> None:
        """Raise `CommandError` unless the stage is the local cloud's."""
        check_name(self.stage_name)
        if not self.is_local:
            name = self.stage_name
            raise CommandError(f"this command is for the local cloud; make deploy STAGE={name} deploys {name}")
