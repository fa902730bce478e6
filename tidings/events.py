"""The event envelope: CloudEvents 1.0 in structured JSON, as it stands in the tables and travels on the topic."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tidings.clock import millis
from tidings.errors import PermanentError

MAX_EVENT_BYTES = 64 * 1024
"""CloudEvents 1.0, "Size Limits": what every intermediary must forward."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one type of event: the subclass's name is the type, `major` its contract's version.

    Within a major version a contract changes compatibly only: a field with a default may be added.
    """

    major: ClassVar[int] = 1

    @classmethod
    def schema(cls) -> str:
        """The `dataschema` of events with this contract: `urn:tidings:OrderPlaced:1`."""
        return f"urn:tidings:{cls.__name__}:{cls.major}"


D_co = TypeVar("D_co", covariant=True)
D = TypeVar("D")
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Event(msgspec.Struct, Generic[D_co], frozen=True, kw_only=True):
    """A fact that a service announced about an order.

    `id` is `<source>/<order id>/<n>` and `sequence` is n, which counts that source's events of that order from
    1 without gaps. `time` is later than the cause's, so that (time, id) sorts causally. The attributes are those
    of CloudEvents 1.0, its extensions Sequence and Distributed Tracing, and two of ours: `correlationid`, the
    request that began it all, and `causationid`, the event that was reacted to (absent after a command).
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Name
    type: Name
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Annotated[str, Meta(max_length=128)]
    subject: Name
    time: Annotated[str, Meta(max_length=35)]
    sequence: Annotated[int, Meta(ge=1)]
    correlationid: Annotated[str, Meta(max_length=128)]
    causationid: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    traceparent: Annotated[str, Meta(max_length=64)]
    data: D_co

    @property
    def millis(self) -> int:
        """`time` in milliseconds since 1970."""
        return millis(self.time)


def event_id(source: str, order: str, sequence: int) -> str:
    """The id of a source's n-th event of an order: the same fact always has the same id."""
    return f"{source}/{order}/{sequence}"


_envelope = msgspec.json.Decoder(Event[Raw])
_encoder = msgspec.json.Encoder()


def encode(event: Event[Any]) -> str:
    """The event as JSON text: what the table keeps and the topic carries."""
    return _encoder.encode(event).decode()


def decode(body: str) -> Event[Raw]:
    """The envelope, with `data` still undecoded; PermanentError where it is not one of ours."""
    size = len(body.encode(errors="surrogatepass"))
    if size > MAX_EVENT_BYTES:
        raise PermanentError("oversized", f"the event has {size} bytes; {MAX_EVENT_BYTES} are allowed")
    try:
        event = _envelope.decode(body)
    except msgspec.ValidationError as error:
        raise PermanentError("not-an-event", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise PermanentError("undecodable", str(error)) from error
    try:
        event.millis  # noqa: B018 - a time that cannot be read must not be found out half-way through a reaction
    except ValueError as error:
        raise PermanentError("not-an-event", str(error)) from error
    if event.id != event_id(event.source, event.subject, event.sequence):
        raise PermanentError("not-an-event", f"the id {event.id!r} is not that of its source, subject and sequence")
    return event


def with_data(event: Event[Any], data: D) -> Event[D]:
    """The same event with its data in another form."""
    return cast("Event[D]", msgspec.structs.replace(event, data=data))


def unknown_type(event: Event[Any]) -> PermanentError:
    """Why an event goes to a dead-letter queue where nothing reacts to its type."""
    return PermanentError("unknown-type", f"nothing here reacts to {event.type}", event)


class Contracts:
    """The contracts that a consumer understands: decodes the data of their events."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._decoders: Mapping[str, tuple[type[Contract], msgspec.json.Decoder[Contract]]] = {
            contract.__name__: (contract, msgspec.json.Decoder(contract)) for contract in contracts
        }

    def decode(self, event: Event[Raw]) -> Event[Contract]:
        """The event with its data as the contract's struct; PermanentError where it breaks the contract."""
        known = self._decoders.get(event.type)
        if known is None:
            raise unknown_type(event)
        contract, decoder = known
        if event.dataschema != contract.schema():
            raise PermanentError("unknown-version", f"{event.dataschema} is not {contract.schema()}", event)
        try:
            data = decoder.decode(event.data)
        except msgspec.ValidationError as error:
            raise PermanentError("breaks-contract", f"{event.type}: {error}", event) from error
        return with_data(event, data)
