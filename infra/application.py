"""The whole of Tidings in one stage: the bus, the API, and a stack for each service."""

from collections.abc import Sequence

from aws_cdk import App, Tags

from infra import nag
from infra.api import ApiStack
from infra.bus import BusStack
from infra.service import ServiceStack
from infra.services import Found
from infra.stages import Stage


def build(app: App, stage: Stage, services: Sequence[Found]) -> None:
    """Puts the stage's stacks into the app; real stages must pass cdk-nag at synthesis."""
    bus = BusStack(app, stage)
    api = ApiStack(app, stage, services)
    for found in services:
        ServiceStack(app, stage, found, bus, api)
    Tags.of(app).add("application", "tidings")
    Tags.of(app).add("stage", stage.name)
    if not stage.emulated:
        nag.check(app)
