"""Building an application's stacks in a CDK app."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Tags

from infra.application import Application
from infra.constructs import nag
from infra.stacks.alarms import AlarmStack, add_alarms
from infra.stacks.api import ApiStack
from infra.stacks.bus import BusStack
from infra.stacks.mail import MailStack
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.service import ServiceStack
from infra.stacks.users import UsersStack
from infra.stacks.web import WebStack


def build(app: App, application: Application, after: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Add the application's stacks to a CDK app.

    Every stage but an emulated one must pass cdk-nag at synthesis.

    Args:
        app: The CDK app.
        application: The application.
        after: The services that must be deployed before a service, by its name; see `infra.release.rollout`.

    Raises:
        ValueError: If the stage names the generation of a table that no service has.
    """
    _check_generations(application)
    alarms = AlarmStack(app, application)
    bus = BusStack(app, application)
    api = ApiStack(app, application)
    web = WebStack(app, application, application.pages, api) if application.pages else None
    users = UsersStack(app, application, api, web)
    services = [ServiceStack(app, application, service, bus, api, users) for service in application.services]
    by_name = {stack.name: stack for stack in services}
    for service, others in (after or {}).items():
        for other in others:
            by_name[service].add_stack_dependency(by_name[other])
    for stack in (bus, api, users, *([web] if web else []), *services):
        add_alarms(stack, alarms)
    MonitoringStack(app, application, alarms, api, services)
    Tags.of(app).add("application", application.name)
    Tags.of(app).add("stage", application.stage.name)
    if application.mail_domain:
        mail = MailStack(app, application)
        users.add_stack_dependency(mail, "A user pool sends from a verified domain only")
        # Several stages share it.
        Tags.of(mail).remove("stage")
    if not application.stage.emulated:
        nag.check(app)


def _check_generations(application: Application) -> None:
    names = {service.name for service in application.services}
    for name, generation in application.stage.table_generations.items():
        if name not in names or generation < 1:
            raise ValueError(
                f"table_generations of the stage {application.stage.name!r} has {name!r}: {generation}; it must name a "
                "service, and a number from 1"
            )
