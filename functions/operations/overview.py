"""The overview of the stage's services: queues, relays, mappings and alarms."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from msgspec import Struct

from functions.operations.deployment import DeployedService, Deployment
from functions.operations.monitor import Monitor
from functions.operations.queues import Queues
from tidings.aws.monitoring import Alarm, AlarmState, Metric, oldest_message, relay_lag
from tidings.aws.recovery import MappingStatus
from tidings.aws.recovery.event_source import MappingKind
from tidings.recovery import QueueDepth


class QueueView(Struct, frozen=True):
    """A consumer's queue: the number of waiting messages and of those in flight, and the oldest one's age in seconds.

    Where the age is not measured, it is null.
    """

    waiting: int
    in_flight: int
    oldest_seconds: int | None


class MappingView(Struct, frozen=True):
    """The connection from a queue or a stream to its function. `problem` says why it delivers nothing."""

    kind: MappingKind
    state: str
    problem: str | None


class AlarmView(Struct, frozen=True):
    """An alarm: its state and since when, the problem that it reports, and the runbook's entry about it.

    `service` is null if it belongs to no service.
    """

    name: str
    service: str | None
    state: AlarmState
    since: str
    problem: str
    runbook: str


class ServiceView(Struct, frozen=True):
    """A service, as its queues, its mappings and its alarms are now.

    A service without a queue has null for `queue`, `dlq` and `undelivered`, and one without a relay for the two others.
    `relay_lag_seconds` is also null while nothing measures it. The numbers of messages are approximate.
    """

    name: str
    summary: str
    queue: QueueView | None
    dlq: int | None
    undelivered: int | None
    relay_dlq: int | None
    relay_lag_seconds: float | None
    mappings: tuple[MappingView, ...]
    alarms: tuple[AlarmView, ...]


class Observed(Struct, frozen=True):
    """The observations of a stage: depths by queue, values by metric, the status of mappings, and alarms."""

    depths: Mapping[str, QueueDepth]
    values: Mapping[Metric, float]
    mappings: Sequence[MappingStatus]
    alarms: Sequence[AlarmView]


def observe(deployment: Deployment, queues: Queues, monitor: Monitor, threads: Executor) -> Observed:
    """Observe a stage, by calls in parallel.

    Raises:
        RecoveryError: If AWS refuses a call.
    """
    names = list(deployment.queues())
    mappings, alarms = threads.submit(monitor.mappings), threads.submit(alarm_views, deployment, monitor)
    values = threads.submit(monitor.latest, _metrics(deployment))
    depths = dict(zip(names, threads.map(queues.depth, names), strict=True))
    return Observed(depths, values.result(), mappings.result(), alarms.result())


def alarm_views(deployment: Deployment, monitor: Monitor) -> tuple[AlarmView, ...]:
    """Return all alarms: the active ones first, and then those that changed last.

    Raises:
        RecoveryError: If AWS refuses the call.
    """
    found = [_alarm(deployment, alarm) for alarm in monitor.alarms()]
    return tuple(sorted(found, key=lambda alarm: alarm.state != "ALARM"))


def service_views(deployment: Deployment, observed: Observed) -> tuple[ServiceView, ...]:
    """Return the view of each service, by what was observed."""
    return tuple(_service(deployment, service, observed) for service in deployment.services)


def _service(deployment: Deployment, service: DeployedService, observed: Observed) -> ServiceView:
    relay = deployment.relay(service)
    lag = observed.values.get(relay_lag(relay)) if relay else None

    def total(name: str | None) -> int | None:
        return observed.depths[name].total if name else None

    return ServiceView(
        name=service.name,
        summary=service.summary,
        queue=_queue(deployment.queue(service), observed),
        dlq=total(deployment.dead_letter_queue(service, "dlq")),
        undelivered=total(deployment.dead_letter_queue(service, "undelivered")),
        relay_dlq=total(deployment.dead_letter_queue(service, "relay")),
        relay_lag_seconds=None if lag is None else lag / 1000,
        mappings=tuple(
            MappingView(each.kind, each.state, each.problem)
            for each in observed.mappings
            if deployment.service_of(each.function) == service.name
        ),
        alarms=tuple(alarm for alarm in observed.alarms if alarm.service == service.name),
    )


def _queue(name: str | None, observed: Observed) -> QueueView | None:
    if name is None:
        return None
    depth, oldest = observed.depths[name], observed.values.get(oldest_message(name))
    return QueueView(depth.waiting, depth.in_flight, None if oldest is None else int(oldest))


def _alarm(deployment: Deployment, alarm: Alarm) -> AlarmView:
    service = deployment.service_of(alarm.name)
    return AlarmView(alarm.name, service, alarm.state, alarm.since, alarm.problem, alarm.entry)


def _metrics(deployment: Deployment) -> list[Metric]:
    queues = [oldest_message(name) for service in deployment.services if (name := deployment.queue(service))]
    return queues + [relay_lag(name) for service in deployment.services if (name := deployment.relay(service))]
