"""The timeline of an order: its events in causal sequence, and how long each took."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Raw, Struct

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.values.text import Id
from tidings.core.event import Event

WITHHELD = Raw(b"{}")
"""The data of a finding of fraud for anyone except operators, who alone may know the rules."""


class TimelineEvent(Struct, frozen=True):
    """An event in a timeline. `delay_ms` is the time since its cause; null if the cause is not recorded."""

    id: str
    type: str
    source: str
    time: str
    causationid: str | None
    delay_ms: int | None
    data: Raw


class Timeline(Struct, frozen=True):
    """All events of an order, by all services, in causal sequence."""

    order_id: str
    events: tuple[TimelineEvent, ...]


class _Placed(Struct):
    """The part of `OrderPlaced` that tells whose order it is. The log keeps events as they were written."""

    customer: Id


def timeline(order: str, events: Iterable[Event[Raw]], *, operator: bool) -> Timeline:
    """Return the timeline of an order's events.

    An event's time is later than its cause's, so sorting by (time, id) gives causal sequence.

    Args:
        order: The order's id.
        events: The order's events.
        operator: Whether the reader is an operator.
    """
    ordered = sorted(events, key=lambda event: (event.time, event.id))
    times = {event.id: event.millis for event in ordered}
    return Timeline(order, tuple(_timeline_event(event, times, operator=operator) for event in ordered))


def customer(events: Iterable[Event[Raw]]) -> str | None:
    """Return the customer who placed the order; None if that event is not recorded yet, or does not say."""
    placed = next((event for event in events if event.type == OrderPlaced.__name__), None)
    try:
        return msgspec.json.decode(placed.data, type=_Placed).customer if placed else None
    except msgspec.DecodeError:
        return None


def _timeline_event(event: Event[Raw], times: dict[str, int], *, operator: bool) -> TimelineEvent:
    cause = None if event.causationid is UNSET else event.causationid
    since = times.get(cause) if cause else None
    return TimelineEvent(
        id=event.id,
        type=event.type,
        source=event.source,
        time=event.time,
        causationid=cause,
        delay_ms=event.millis - since if since is not None else None,
        data=WITHHELD if event.type == OrderFlagged.__name__ and not operator else event.data,
    )
