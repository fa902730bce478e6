"""The stage that commands work on: the local cloud by its address, or AWS by the settings of AWS's own tools."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoRegionError

from ops.errors import CommandError
from ops.local.cloud import CREDENTIALS, REGION, LocalCloud

PROGRAM = "tidings"
LOCAL = "local"
STAGES = (LOCAL, "dev", "prod")
"""The names of `infra.stages.STAGES`, whose import takes as long as a command."""

WORKERS = 8
"""Number of parallel calls of a command."""

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class DeployedStage:
    """One deployment of the shop, as commands reach it.

    Attributes:
        name: The stage's name.
        region: Its region.
        session: The session with the user's rights.
        endpoint: The local cloud's address; None on AWS.
    """

    name: str
    region: str
    session: boto3.Session
    endpoint: str | None = None

    @property
    def prefix(self) -> str:
        """The beginning of the names of all its stacks."""
        return f"tidings-{self.name}-"

    def command(self, arguments: str) -> str:
        """Return a command as it must be typed for this stage."""
        return command_line(self.name, arguments)

    def client(self, service: Any, config: Config | None = None) -> Any:
        """Return a client of an AWS service."""
        default = Config(max_pool_connections=WORKERS, retries={"mode": "standard", "max_attempts": 5})
        try:
            return self.session.client(service, endpoint_url=self.endpoint, config=config or default)
        except ValueError as error:
            # The library has no class for it.
            raise CommandError(f"AWS cannot be reached ({error}); check AWS_ENDPOINT_URL and the region") from error


def command_line(stage: str, arguments: str) -> str:
    """Return a command as it must be typed: with `--stage`, unless the stage is the default."""
    return f"{_typed_program()} {arguments}" if stage == LOCAL else f"{_typed_program()} --stage {stage} {arguments}"


def _typed_program() -> str:
    """Return how the user typed this program: by its path, unless a shell finds it by its name."""
    typed = Path(sys.argv[0])
    if typed.name != PROGRAM or not typed.exists():
        return PROGRAM
    found = shutil.which(PROGRAM)
    return PROGRAM if found and typed.samefile(found) else shlex.quote(str(typed))


def check_name(name: str) -> None:
    """Raise `CommandError` unless a stage with this name exists."""
    if name not in STAGES:
        raise CommandError(
            f"the stage {name!r} is not deployed, because no such stage exists; "
            f"set --stage or TIDINGS_STAGE to one of {', '.join(STAGES)}"
        )


def local_stage(endpoint: str) -> DeployedStage:
    """Return the stage `local` on the local cloud at this address."""
    return DeployedStage(LOCAL, REGION, _isolated_session(), endpoint)


def stage_named(name: str, cloud: LocalCloud) -> DeployedStage:
    """Return the stage with this name.

    Raises:
        CommandError: If there is no such stage, the local cloud does not run, or no region is set for AWS.
        BotoCoreError: If AWS's settings cannot be read.
    """
    check_name(name)
    if name == LOCAL:
        running = cloud.running()
        if running is None:
            raise CommandError("the local cloud does not run; start it with make run")
        return local_stage(running.endpoint)
    session = boto3.Session()
    if session.region_name is None:
        raise NoRegionError
    return DeployedStage(name, session.region_name, session)


def _isolated_session() -> boto3.Session:
    """Return a session that ignores the user's profiles, endpoints and keys."""
    ignored = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = botocore.session.Session(session_vars=ignored)
    return boto3.Session(botocore_session=session, region_name=REGION, **CREDENTIALS)


def state_directory() -> Path:
    """Return the folder for the user's state (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "tidings"
