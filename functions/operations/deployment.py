"""The services of a stage, and the names of their queues and functions."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import get_args

from msgspec import Struct

from tidings.aws.names import QueueRole, queue_name
from tidings.core.service import QueueKind
from tidings.recovery import FailureKind

KINDS: tuple[FailureKind, ...] = get_args(FailureKind)

ROLES: Mapping[FailureKind, QueueRole] = {"dlq": "dlq", "undelivered": "undelivered", "relay": "relay-dlq"}
"""The role of the queue with each kind of dead letters."""


class DeployedService(Struct, frozen=True, array_like=True, omit_defaults=True):
    """A service of the stage, as synthesis describes it in the function's environment, which is small.

    Attributes:
        name: Its name.
        summary: What it is, in one sentence.
        queue: The kind of its queue; None if it has none.
        relays: Whether it has a relay.
    """

    name: str
    summary: str
    queue: QueueKind | None = None
    relays: bool = False


class Deployment(Struct, frozen=True, dict=True):
    """The services of a stage.

    Attributes:
        prefix: The beginning of the names of all its resources: `helpdesk-dev`.
        services: The services by name.
    """

    prefix: str
    services: tuple[DeployedService, ...]

    @cached_property
    def by_name(self) -> Mapping[str, DeployedService]:
        """The services by their names."""
        return {service.name: service for service in self.services}

    def queue(self, service: DeployedService) -> str | None:
        """Return the name of the consumer's queue; None if the service consumes nothing."""
        return queue_name(self._name(service), "queue", service.queue) if service.queue else None

    def dead_letter_queue(self, service: DeployedService, kind: FailureKind) -> str | None:
        """Return the name of a service's dead-letter queue of a kind; None if it has none."""
        queue: Mapping[FailureKind, QueueKind | None] = {
            "dlq": service.queue,
            "undelivered": "fifo" if service.queue else None,
            "relay": "standard" if service.relays else None,
        }
        found = queue[kind]
        return queue_name(self._name(service), ROLES[kind], found) if found else None

    def relay(self, service: DeployedService) -> str | None:
        """Return the name of the relay's function; None if the service announces nothing."""
        return f"{self._name(service)}-relay" if service.relays else None

    def service_of(self, resource: str) -> str | None:
        """Return the name of the service that a function or an alarm belongs to; None if it belongs to none."""
        # A service may be named like the beginning of another one's name.
        found = [each.name for each in self.services if resource.startswith(f"{self._name(each)}-")]
        return max(found, key=len, default=None)

    def queues(self) -> Iterator[str]:
        """Iterate over the names of all queues."""
        for service in self.services:
            for name in (self.queue(service), *(self.dead_letter_queue(service, kind) for kind in KINDS)):
                if name:
                    yield name

    def _name(self, service: DeployedService) -> str:
        return f"{self.prefix}-{service.name}"
