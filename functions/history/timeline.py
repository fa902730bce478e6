"""What happened to an order: its events in causal order, and how long each took."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Raw, Struct

from tidings.contracts import OrderFlagged, OrderPlaced
from tidings.events import Event

WITHHELD = Raw(b"{}")
"""What others than operators see of a finding of fraud: that there is one, and not by which rules."""


class TimelineEvent(Struct, frozen=True):
    """An event as the timeline shows it; `delay_ms` is the time since its cause, null where that is not known."""

    id: str
    type: str
    source: str
    sequence: int
    time: str
    causationid: str | None
    delay_ms: int | None
    data: Raw


class Timeline(Struct, frozen=True):
    """All that happened to an order, by all services, in causal order."""

    order_id: str
    events: tuple[TimelineEvent, ...]


def timeline(order: str, events: Iterable[Event[Raw]], *, operator: bool) -> Timeline:
    """The timeline of an order's events. An event's time is later than its cause's, and so (time, id) is causal."""
    ordered = sorted(events, key=lambda event: (event.time, event.id))
    times = {event.id: event.millis for event in ordered}
    return Timeline(order, tuple(_shown(event, times, operator=operator) for event in ordered))


def customer(events: Iterable[Event[Raw]]) -> str | None:
    """Who placed the order; None where that has not been heard of yet."""
    placed = next((event for event in events if event.type == OrderPlaced.__name__), None)
    return msgspec.json.decode(placed.data, type=OrderPlaced).customer if placed else None


def _shown(event: Event[Raw], times: dict[str, int], *, operator: bool) -> TimelineEvent:
    cause = None if event.causationid is UNSET else event.causationid
    since = times.get(cause) if cause else None
    return TimelineEvent(
        id=event.id,
        type=event.type,
        source=event.source,
        sequence=event.sequence,
        time=event.time,
        causationid=cause,
        delay_ms=event.millis - since if since is not None else None,
        data=WITHHELD if event.type == OrderFlagged.__name__ and not operator else event.data,
    )
