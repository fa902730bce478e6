"""The viewers of events: operators see all events, and a customer those of own orders."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, json

from tidings.core.entity import reserved_key
from tidings.core.event import Event

Role = Literal["customer", "operator"]

OPERATORS = reserved_key("operators")
"""The partition of all operators' connections."""


class Viewer(Struct, frozen=True):
    """A person who may have connections.

    Attributes:
        role: Whether the person is a customer or an operator.
        user: The person's id in the user pool of the role.
    """

    role: Role
    user: str

    @property
    def partition(self) -> str:
        """The partition of the table with the viewer's connections, which an event's push reads."""
        return OPERATORS if self.role == "operator" else customers_partition(self.user)


class Notification(Struct, frozen=True, omit_defaults=True):
    """A pushed message: which event has happened, without its data. `causationid` is absent after a command."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    causationid: str | UnsetType = UNSET


def customers_partition(customer: str) -> str:
    """Return the partition of a customer's connections."""
    return reserved_key("customer", customer)


def audience(owner: str | None) -> tuple[str, ...]:
    """Return the partitions of the connections that may see an order's events.

    Args:
        owner: The id of the order's customer; None while it is unknown. Then only operators may see them.
    """
    return (OPERATORS,) if owner is None else (OPERATORS, customers_partition(owner))


def notification(event: Event[Any]) -> bytes:
    """Return the message that is pushed for an event."""
    return json.encode(Notification(event.id, event.type, event.source, event.subject, event.time, event.causationid))
