"""The state of privacy's entities: jobs, and orders whose personal data is erased at some time."""

from typing import Literal

from msgspec import Struct

from contracts.privacy.personal_data_erased import ErasureReason
from tidings.core.entity import Entity, MessageMetadata

Kind = Literal["export", "erasure"]
Status = Literal["running", "waiting", "done", "failed"]
Requester = Literal["customer", "operator"]


class UnderWay(Struct, frozen=True):
    """An order whose personal data cannot be erased yet, and what goes on with it."""

    order: str
    what: str


class Pass(Struct, frozen=True, omit_defaults=True):
    """A pass over all orders of a person.

    Attributes:
        begun: When it began.
        cursor: Where it goes on; empty at the beginning.
        orders: Number of orders so far.
        erased: Number of orders that it erased.
        failed: Number of orders that it could not erase.
        under_way: The orders that cannot be erased yet.
    """

    begun: str
    cursor: str = ""
    orders: int = 0
    erased: int = 0
    failed: int = 0
    under_way: tuple[UnderWay, ...] = ()


class Job(Struct, frozen=True, omit_defaults=True):
    """An export or an erasure of a person's data.

    Attributes:
        kind: The kind.
        person: The person's id.
        requested_at: When it was requested.
        requested_by: The role of who requested it.
        correlation_id: That of the request. The events of an erasure have it too.
        traceparent: That of the request.
        status: `waiting` while it waits for its next pass. A job that `failed` is tried again all the same.
        due: When to go on with it; empty at its end.
        current: The pass that is not at its end; None between two passes.
        orders: Number of orders that the last whole pass found.
        under_way: The orders that could not be erased then.
        parts: Number of parts of an export so far.
        account_deleted: When the person's account was deleted.
        finished: When it came to its end, except for what is to be tidied up.
        failures: Number of failed steps since the last that made progress.
        failed_passes: Number of passes since the last that could erase every order that it found at its end.
    """

    kind: Kind
    person: str
    requested_at: str
    requested_by: Requester
    correlation_id: str
    traceparent: str
    status: Status = "running"
    due: str = ""
    current: Pass | None = None
    orders: int = 0
    under_way: tuple[UnderWay, ...] = ()
    parts: int = 0
    account_deleted: str = ""
    finished: str = ""
    failures: int = 0
    failed_passes: int = 0

    def metadata(self, now: int) -> MessageMetadata:
        """Return the metadata of what the job does, given the time in milliseconds since 1970."""
        return MessageMetadata(self.correlation_id, self.traceparent, now)


class Retained(Struct, frozen=True, omit_defaults=True):
    """An order that came to an end, or whose personal data was erased.

    Attributes:
        since: The time that the shop's period of retention counts from: the order's end, or later if something was
            under way when the period was over. Empty once the data is erased.
        erased: Why the data was erased; None before.
        correlation_id: That of the event by which the order came to its end.
        traceparent: That of the same event.
    """

    since: str = ""
    erased: ErasureReason | None = None
    correlation_id: str = ""
    traceparent: str = ""


class Record(Struct, frozen=True, omit_defaults=True):
    """An entity: a job by its own id, or an order by the order's id."""

    job: Job | None = None
    order: Retained | None = None


def job_of(entity: Entity[Record]) -> Job | None:
    """Return an entity's job; None if it has none."""
    return entity.state.job if entity.state else None


def order_of(entity: Entity[Record]) -> Retained:
    """Return what is known of an order."""
    return (entity.state.order if entity.state else None) or Retained()


def due_of(entity: Entity[Record]) -> str:
    """Return when to go on with a job; empty if the entity is none, or at its end."""
    job = job_of(entity)
    return job.due if job else ""


def retained_since(entity: Entity[Record]) -> str:
    """Return the time that an order's period of retention counts from; empty if its data is erased."""
    return order_of(entity).since
