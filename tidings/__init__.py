"""Tidings: a library for event-driven services on AWS.

A service declares which events it handles, and handles each with a pure function that returns a decision. The library
carries decisions out so that nothing is lost and nothing happens twice: one conditional write commits an entity's
state, the handled event (inbox) and the announced events (outbox); a relay publishes outboxes to a topic; a consumer
retries, dead-letters and never loses a message.

Example:
    ```python
    from tidings import Contract, Decision, Entity, Event, Save, Service, on


    class TicketOpened(Contract, frozen=True, kw_only=True):
        producer = "desk"

        title: str


    def on_ticket_opened(entity: Entity[Ticket], event: Event[TicketOpened]) -> Decision[Ticket]:
        return Save(Ticket(title=event.data.title))


    service = Service(name="assignment", state=Ticket, handlers=(on(TicketOpened, on_ticket_opened, creates=True),))
    ```

The names below are the public API for declaring services. `tidings.http` serves their routes, `tidings.aws` runs them
on Lambda, `tidings.recovery` brings failed and past events back, and `tidings.testing` tests them in memory.
"""

from tidings.core.contract import Announcement, Contract, ContractRegistry, Upcaster
from tidings.core.decisions import (
    ConditionFailed,
    Decision,
    Effect,
    Increment,
    Perform,
    Reject,
    Reserve,
    Save,
    Skip,
)
from tidings.core.entity import Entity, MessageMetadata, OutboxEvent, inbox_key, reserved_key
from tidings.core.errors import (
    ContentionError,
    NewerReleaseError,
    PermanentError,
    RetryableError,
    ThrottledError,
    UntriedError,
)
from tidings.core.event import Event, read_personal
from tidings.core.formats import since
from tidings.core.personal import Personal
from tidings.core.service import EventHandler, Index, Service, on
from tidings.core.strategy import Batch, Batched, Contribution, CounterKey, Log, Observer, OneByOne, Projection

__version__ = "0.1.0"

__all__ = [
    "Announcement",
    "Batch",
    "Batched",
    "ConditionFailed",
    "ContentionError",
    "Contract",
    "ContractRegistry",
    "Contribution",
    "CounterKey",
    "Decision",
    "Effect",
    "Entity",
    "Event",
    "EventHandler",
    "Increment",
    "Index",
    "Log",
    "MessageMetadata",
    "NewerReleaseError",
    "Observer",
    "OneByOne",
    "OutboxEvent",
    "Perform",
    "PermanentError",
    "Personal",
    "Projection",
    "Reject",
    "Reserve",
    "RetryableError",
    "Save",
    "Service",
    "Skip",
    "ThrottledError",
    "UntriedError",
    "Upcaster",
    "__version__",
    "inbox_key",
    "on",
    "read_personal",
    "reserved_key",
    "since",
]
