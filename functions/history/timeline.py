"""The timeline of an order, and that of a product's changes: the events, and how long after its cause each came."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, Raw, Struct

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.values.text import Id
from functions.history.log import Log
from tidings.core.event import Event
from tidings.http.pagination import decode_cursor, encode_cursor, mark_of

AFTER = "~"
"""A character that sorts after all others of a subject or a position."""

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


class ProductTimeline(Struct, frozen=True):
    """A page of the events about a product's name, price and stock, by all services, latest first."""

    sku: str
    events: tuple[TimelineEvent, ...]
    next: str | None


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


def product_timeline(log: Log, sku: str, limit: int, cursor: str | None) -> ProductTimeline:
    """Return a page of the timeline of a product's changes.

    Whole months are read, each of which fits into a few items of DynamoDB, until the page is full.

    Args:
        log: The log.
        sku: The product's SKU.
        limit: Maximum number of events.
        cursor: The member `next` of the page before; None for the first page.

    Raises:
        Problem: 422 if the cursor is not one of this product.
    """
    mark = mark_of("changes", sku)
    month, position = decode_cursor(mark, cursor) if cursor else (f"{sku}:", AFTER)
    found: list[Event[Raw]] = []
    for subject in _months(log, sku, month + AFTER):
        events = sorted(log.events(subject), key=_position, reverse=True)
        found += [event for event in events if subject != month or _position(event) < position]
        if len(found) > limit:
            break
    shown = found[:limit]
    return ProductTimeline(
        sku,
        tuple(_timeline_event(event, {}, operator=True) for event in shown),
        encode_cursor(mark, shown[-1].subject, _position(shown[-1])) if len(found) > limit else None,
    )


def _months(log: Log, sku: str, before: str) -> Iterator[str]:
    """Iterate over the subjects of a product's months that sort before a text, latest first."""
    while months := log.months(sku, before):
        yield from months
        before = months[-1]


def _position(event: Event[Raw]) -> str:
    return f"{event.time}/{event.id}"


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
