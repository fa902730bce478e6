"""The event envelope: CloudEvents 1.0 in structured JSON, as stored in the outbox and published on the topic."""

import json
import uuid
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidings.core.clock import TIME_PATTERN, from_rfc3339
from tidings.core.errors import PermanentError
from tidings.core.explanation import explained
from tidings.core.personal import PERSONAL, Personal
from tidings.core.strict_json import StrictJsonError, decode_strict

MAX_EVENT_BYTES = 64 * 1024
"""The size that every intermediary must forward (CloudEvents 1.0, "Size Limits")."""

MAX_CLOCK_SKEW = 5 * 60 * 1000
"""Milliseconds by which the clocks of a producer and a consumer may differ."""

MAX_PERSONAL = 16 * 1024
"""Maximum number of characters of an event's personal data."""

NOT_STRICT = "This text is no JSON that all parsers read alike"
"""The fault of personal data that is not JSON."""

# Patterns use only what Python and ECMA-262 read alike; `\Z` becomes `$` in the published schemas.
SOURCE_PATTERN = r"[a-z][a-z0-9-]{0,23}"
SUBJECT_PATTERN = r"[!\x22$-~][!-~]{0,71}"
NUMBER_PATTERN = r"[1-9][0-9]{0,8}"

D_co = TypeVar("D_co", covariant=True)
D = TypeVar("D")
P = TypeVar("P", bound=Personal)
Source = Annotated[str, Meta(pattern=rf"^{SOURCE_PATTERN}\Z")]
Subject = Annotated[str, Meta(pattern=rf"^{SUBJECT_PATTERN}\Z")]
"""The key of an entity: 1 to 72 characters that a queue accepts as a message group. Keys that begin with `#` are
reserved for items that are not entities."""

EventId = Annotated[str, Meta(pattern=rf"^{SOURCE_PATTERN}/{SUBJECT_PATTERN}/{NUMBER_PATTERN}\Z")]
"""`<source>/<subject>/<number>`: at most 107 characters, because a queue's deduplication id has at most 128."""

CorrelationId = Annotated[str, Meta(pattern=r"^[!-~]{1,128}\Z")]
CausationId = Annotated[str, Meta(pattern=r"^[!-~]{1,200}\Z")]
"""The id of an event, or of a message that reached the service from elsewhere than the topic."""

Traceparent = Annotated[str, Meta(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")]
"""The header `traceparent` of W3C Trace Context, version 00."""


class Event(msgspec.Struct, Generic[D_co], frozen=True, kw_only=True):
    """A fact that a service announced about an entity.

    The attributes are those of CloudEvents 1.0 and its extension Distributed Tracing, and two of Tidings' own:
    `correlationid` identifies the request at the beginning, and `causationid` the event that was handled (absent
    after a command). `personal` is the personal data that belongs to the event, as JSON text; it is unset if the event
    has none, or if it was erased. `id` is `<source>/<subject>/<number>`; the number counts the source's events of that
    subject from 1 without gaps. `time` is later than the cause's time, so sorting by (time, id) puts causes first.
    """

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: Source
    type: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9]{0,63}\Z")]
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Annotated[str, Meta(max_length=128)]
    subject: Subject
    time: Annotated[str, Meta(pattern=TIME_PATTERN)]
    correlationid: CorrelationId
    causationid: CausationId | UnsetType = UNSET
    traceparent: Traceparent
    personal: Annotated[str, Meta(max_length=MAX_PERSONAL)] | UnsetType = UNSET
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


_Envelope = Event[Any]
_encoder = msgspec.json.Encoder()


def new_traceparent() -> str:
    """Return the trace context of a new trace, which is sampled."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def encode(event: Event[Any]) -> str:
    """Encode an event as JSON text."""
    return _encoder.encode(event).decode()


def decode(body: str) -> Event[Any]:
    """Decode an envelope and leave its `data` as builtins.

    Raises:
        PermanentError: If the text is not an event: `oversized`, `undecodable` or `not-an-event`.
    """
    size = len(body.encode(errors="surrogatepass"))
    if size > MAX_EVENT_BYTES:
        raise PermanentError("oversized", f"the event has {size} bytes; {MAX_EVENT_BYTES} are allowed")
    try:
        value = decode_strict(body)
        event = msgspec.convert(value, _Envelope)
    except StrictJsonError as error:
        raise PermanentError("undecodable", str(error)) from error
    except msgspec.ValidationError as error:
        raise PermanentError("not-an-event", explained(error)) from error
    if "specversion" not in value:
        raise PermanentError("not-an-event", "the event has no specversion, which CloudEvents requires")
    if event.id.rpartition("/")[0] != f"{event.source}/{event.subject}":
        text = f"the id {event.id!r} is not <source>/<subject>/<number> of this event"
        raise PermanentError("not-an-event", text)
    return event


def is_same_event(body: str, other: str) -> bool:
    """Return whether two texts hold the same event, apart from its personal data, which may have been erased in one.

    The texts are compared as canonical JSON. So spaces, the sequence of names and the notation of numbers do not count.
    """
    return body == other or _canonical(body) == _canonical(other)


def _canonical(body: str) -> str:
    """Return an event's JSON without its personal data, written in one way; a text that is not JSON as it is."""
    try:
        value = decode_strict(body)
    except StrictJsonError:
        return body
    if isinstance(value, dict):
        value.pop(PERSONAL, None)
    return json.dumps(value, sort_keys=True)


def refuse_future(event: Event[Any], now: int) -> None:
    """Refuse an event whose time is later than clocks can differ. Its effects would be later still, without end.

    Args:
        event: The event.
        now: The current time in milliseconds since 1970.

    Raises:
        PermanentError: If the time is more than `MAX_CLOCK_SKEW` ahead (`from-the-future`).
    """
    if event.millis > now + MAX_CLOCK_SKEW:
        text = f"the event's time {event.time} is more than {MAX_CLOCK_SKEW // 1000} s ahead of the clock"
        raise PermanentError("from-the-future", text, event)


def read_personal(event: Event[Any], kind: type[P]) -> P | None:
    """Return an event's personal data as a type; None if it was erased, or the event never had any.

    Args:
        event: The event.
        kind: The type, which the event's contract declares.

    Raises:
        PermanentError: If the data does not have the type (`breaks-contract`).
    """
    if event.personal is UNSET:
        return None
    try:
        personal = msgspec.convert(decode_strict(event.personal), kind)
        personal.check()
    except StrictJsonError as error:
        # The error's text may contain a name of the data.
        raise PermanentError("breaks-contract", f"{event.type}: personal: {NOT_STRICT}", event) from error
    except ValueError as error:
        raise PermanentError("breaks-contract", f"{event.type}: personal: {explained(error)}", event) from error
    return personal


def without_personal(event: Event[D]) -> Event[D]:
    """Return a copy of the event without its personal data."""
    return event if event.personal is UNSET else msgspec.structs.replace(event, personal=UNSET)


def with_data(event: Event[Any], data: D, dataschema: str | None = None) -> Event[D]:
    """Return a copy of the event with its data in another form, and with that form's `dataschema` if one is given."""
    schema = event.dataschema if dataschema is None else dataschema
    return cast("Event[D]", msgspec.structs.replace(event, data=data, dataschema=schema))
