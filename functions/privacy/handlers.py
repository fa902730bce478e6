"""The decisions of privacy about orders and jobs."""

from typing import Any

from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.privacy.personal_data_erased import ErasureReason, PersonalDataErased
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.privacy.state import Job, Record, Retained, job_of, order_of
from tidings.core.decisions import Decision, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event

# Event handlers


def on_order_dispatched(entity: Entity[Record], event: Event[OrderDispatched]) -> Decision[Record]:
    """Have the order's period of retention begin."""
    return _ended(entity, event)


def on_order_cancelled(entity: Entity[Record], event: Event[OrderCancelled]) -> Decision[Record]:
    """Have the order's period of retention begin."""
    return _ended(entity, event)


def _ended(entity: Entity[Record], event: Event[Any]) -> Decision[Record]:
    order = order_of(entity)
    if order.erased or order.since >= event.time:
        return Skip()
    return Save(Record(order=Retained(event.time, None, event.correlationid, event.traceparent)))


# Commands on orders


def erase(entity: Entity[Record], reason: ErasureReason) -> Decision[Record]:
    """Have the order's personal data erased in every service, unless that was done before."""
    order = order_of(entity)
    if order.erased:
        return Skip()
    return Save(Record(order=replace(order, since="", erased=reason)), announce=(PersonalDataErased(reason=reason),))


def postpone(entity: Entity[Record], since: str) -> Decision[Record]:
    """Have the order's period of retention count from a later time, unless its data is erased.

    Args:
        entity: The order.
        since: That time.
    """
    order = order_of(entity)
    if order.erased or order.since >= since:
        return Skip()
    return Save(Record(order=replace(order, since=since)))


# Commands on jobs


def request(entity: Entity[Record], job: Job) -> Decision[Record]:
    """Record a requested job, unless it was requested before."""
    return Skip() if job_of(entity) else Save(Record(job=job))


def progress(entity: Entity[Record], before: Job, after: Job) -> Decision[Record]:
    """Record a job's progress, unless another run was first.

    Args:
        entity: The job's entity.
        before: The job as the run found it.
        after: The job after the run's step.
    """
    return Save(Record(job=after)) if job_of(entity) == before else Skip()
