"""A stage as the commands reach it: the local cloud by its address, any other as AWS's own tools would."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from ops.failure import Failure
from ops.local import CREDENTIALS, REGION, LocalCloud

LOCAL = "local"
WORKERS = 8
"""Calls that a command makes at once."""

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stage:
    """One deployment of the shop; `endpoint` is the local cloud's address, None on AWS."""

    name: str
    region: str
    session: boto3.Session
    endpoint: str | None = None

    @property
    def prefix(self) -> str:
        """How the names of all its stacks begin."""
        return f"tidings-{self.name}-"

    def client(self, name: Any) -> Any:
        """A client of one of AWS's services."""
        config = Config(max_pool_connections=WORKERS, retries={"mode": "standard", "max_attempts": 5})
        return self.session.client(name, endpoint_url=self.endpoint, config=config)


def local_stage(endpoint: str) -> Stage:
    """The stage `local` on the cloud at this address."""
    return Stage(LOCAL, REGION, _isolated_session(), endpoint)


def stage_named(name: str, cloud: LocalCloud) -> Stage:
    """The stage of this name; Failure where it cannot be reached."""
    if name == LOCAL:
        running = cloud.running()
        if running is None:
            raise Failure("the local cloud does not run; start it with make run")
        return local_stage(running.endpoint)
    session = boto3.Session()
    if session.region_name is None:
        raise Failure("no region is set; say which one with AWS_DEFAULT_REGION, or AWS_PROFILE")
    return Stage(name, session.region_name, session)


def _isolated_session() -> boto3.Session:
    """A session for which the user's own profile, endpoints and keys do not exist."""
    nothing = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    own = botocore.session.Session(session_vars=nothing)
    return boto3.Session(botocore_session=own, region_name=REGION, **CREDENTIALS)


def state_directory() -> Path:
    """Where a user's programs keep their state (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "tidings"
