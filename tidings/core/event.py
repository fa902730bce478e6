"""The event envelope: CloudEvents 1.0 in structured JSON, as stored in the outbox and published on the topic."""

from typing import Annotated, Any, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tidings.core.clock import from_rfc3339
from tidings.core.errors import PermanentError

MAX_EVENT_BYTES = 64 * 1024
"""The size that every intermediary must forward (CloudEvents 1.0, "Size Limits")."""

D_co = TypeVar("D_co", covariant=True)
D = TypeVar("D")
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Subject = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^#]")]
"""The key of an entity. Keys that begin with `#` are reserved for items that are not entities."""


class Event(msgspec.Struct, Generic[D_co], frozen=True, kw_only=True):
    """A fact that a service announced about an entity.

    The attributes are those of CloudEvents 1.0 and its extension Distributed Tracing, and two of Tidings' own:
    `correlationid` identifies the request at the beginning, and `causationid` the event that was handled (absent
    after a command). `id` is `<source>/<subject>/<number>`; the number counts the source's events of that subject
    from 1 without gaps. `time` is later than the cause's time, so sorting by (time, id) puts causes first.
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Name
    type: Name
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Annotated[str, Meta(max_length=128)]
    subject: Subject
    time: Annotated[str, Meta(max_length=35)]
    correlationid: Annotated[str, Meta(max_length=128)]
    causationid: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    traceparent: Annotated[str, Meta(max_length=64)]
    data: D_co

    @property
    def millis(self) -> int:
        """`time` in milliseconds since 1970."""
        return from_rfc3339(self.time)

    @property
    def number(self) -> int:
        """The position among the source's events of this subject, from 1."""
        return int(self.id.rpartition("/")[2])


def event_id(source: str, subject: str, number: int) -> str:
    """Return the id of a source's n-th event of a subject. The same fact always has the same id."""
    return f"{source}/{subject}/{number}"


_envelope_decoder = msgspec.json.Decoder(Event[Raw])
_encoder = msgspec.json.Encoder()


def encode(event: Event[Any]) -> str:
    """Encode an event as JSON text."""
    return _encoder.encode(event).decode()


def decode(body: str) -> Event[Raw]:
    """Decode an envelope and leave its `data` as raw JSON.

    Raises:
        PermanentError: If the text is not an event: `oversized`, `undecodable` or `not-an-event`.
    """
    size = len(body.encode(errors="surrogatepass"))
    if size > MAX_EVENT_BYTES:
        raise PermanentError("oversized", f"the event has {size} bytes; {MAX_EVENT_BYTES} are allowed")
    try:
        event = _envelope_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise PermanentError("not-an-event", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise PermanentError("undecodable", str(error)) from error
    try:
        # An unreadable time must fail here, not after a handler has begun.
        event.millis  # noqa: B018
    except ValueError as error:
        raise PermanentError("not-an-event", str(error)) from error
    prefix, _, number = event.id.rpartition("/")
    if prefix != f"{event.source}/{event.subject}" or not _is_number(number):
        text = f"the id {event.id!r} is not <source>/<subject>/<number> of this event"
        raise PermanentError("not-an-event", text)
    return event


def with_data(event: Event[Any], data: D) -> Event[D]:
    """Return a copy of the event with its data in another form."""
    return cast("Event[D]", msgspec.structs.replace(event, data=data))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0")
