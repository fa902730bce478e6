"""The whole of Tidings in one stage: the bus, the API, and a stack for each service."""

from collections.abc import Sequence

from aws_cdk import App, Tags

from infra import nag
from infra.alarms import AlarmStack, watch
from infra.api import ApiStack
from infra.bus import BusStack
from infra.dashboard import MonitoringStack
from infra.service import ServiceStack
from infra.services import Found
from infra.stages import Stage


def build(app: App, stage: Stage, services: Sequence[Found]) -> None:
    """Puts the stage's stacks into the app; real stages must pass cdk-nag at synthesis."""
    told = AlarmStack(app, stage)
    bus = BusStack(app, stage)
    api = ApiStack(app, stage, services)
    stacks = [ServiceStack(app, stage, found, bus, api) for found in services]
    for stack in (bus, api, *stacks):
        watch(stack, told)
    MonitoringStack(app, stage, told, api, stacks)
    Tags.of(app).add("application", "tidings")
    Tags.of(app).add("stage", stage.name)
    if not stage.emulated:
        nag.check(app)
