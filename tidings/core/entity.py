"""An entity as one service stores it: state, inbox and outbox in one item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tidings.core.clock import to_rfc3339
from tidings.core.contract import Announcement, Contract, read_data
from tidings.core.errors import NewerReleaseError, PermanentError
from tidings.core.event import MAX_EVENT_BYTES, Event, decode, encode, event_id, read_personal, with_data
from tidings.core.explanation import explained
from tidings.core.formats import StateFormat
from tidings.core.personal import erased_state, redacted

RESERVED = "#"
"""The first character of keys that are not entities' keys. No event's subject begins with it."""

S = TypeVar("S")
C = TypeVar("C", bound=Contract)


def reserved_key(*parts: str) -> str:
    """Return the key of an item that is not an entity: `#shelf#a1`. No event can name it as its subject."""
    return RESERVED + RESERVED.join(parts)


class EventHead(Struct, frozen=True):
    """The attributes of an event that the topic needs."""

    id: str
    type: str
    subject: str


_head_decoder = msgspec.json.Decoder(EventHead)


@cache
def _decoder_of(contract: type[Contract]) -> msgspec.json.Decoder[Event[Contract]]:
    """Return the decoder of a contract's events. Structs are not validated when they are made, only when decoded."""
    envelope: Any = Event
    return msgspec.json.Decoder(envelope[contract])


@dataclass(frozen=True)
class OutboxEvent:
    """An announced event as its outbox stores it, parsed on demand and at most once.

    Attributes:
        body: The event's JSON text, exactly as it is published.
    """

    body: str

    @classmethod
    def of(cls, event: Event[Contract]) -> "OutboxEvent":
        """Encode an event, and keep it so that reading it again parses nothing.

        Raises:
            PermanentError: If no consumer would accept the event: it is larger than `MAX_EVENT_BYTES` (`oversized`), or
                breaks its contract (`breaks-contract`).
        """
        made = cls(encode(event))
        if (size := len(made.body.encode())) > MAX_EVENT_BYTES:
            raise PermanentError("oversized", f"{event.id} has {size} bytes; {MAX_EVENT_BYTES} are allowed")
        contract = type(event.data)
        try:
            contract.check_subject(event.subject)
            _decoder_of(contract).decode(made.body)
        except ValueError as error:
            raise PermanentError("breaks-contract", f"{event.id}: {explained(error)}") from error
        if contract.personal:
            read_personal(event, contract.personal)
        vars(made)["_typed"] = event
        return made

    @cached_property
    def head(self) -> EventHead:
        """The id, type and subject. A text that is not a whole event may have them too."""
        envelope: Event[Any] | None = vars(self).get("envelope")
        if envelope is None:
            return _head_decoder.decode(self.body)
        return EventHead(envelope.id, envelope.type, envelope.subject)

    @cached_property
    def envelope(self) -> Event[Any]:
        """The event with its data as builtins."""
        return decode(self.body)

    @property
    def millis(self) -> int:
        """The event's time in milliseconds since 1970."""
        typed: Event[Any] = vars(self).get("_typed") or self.envelope
        return typed.millis

    def read(self, contract: type[C]) -> Event[C]:
        """Return the event with its data as this contract, also if it was announced by an older major version of it.

        Raises:
            TypeError: If the event is of another type.
        """
        typed: Event[Any] | None = vars(self).get("_typed")
        event = typed or self.envelope
        if event.type != contract.__name__:
            raise TypeError(f"{event.id} is {event.type}, not {contract.__name__}")
        if typed is None:
            typed = with_data(event, read_data(event, contract), contract.schema())
            vars(self)["_typed"] = typed
        return typed


class InProgress(Struct, frozen=True):
    """The record of a delivery that performs an effect now.

    Attributes:
        token: Identifies the delivery.
        expires: When another delivery may take over, in milliseconds since 1970.
    """

    token: str
    expires: int


@dataclass(frozen=True)
class Entity(Generic[S]):
    """One entity in one service's table.

    Attributes:
        key: The entity's key, which is the `subject` of its events.
        version: The number of writes; 0 if it is not stored yet.
        state: The service's state of the entity; None if no handler has saved one yet. If the first event was the
            erasure of personal data, the entity is stored without a state.
        inbox: The inbox keys of the handled events.
        outbox: The events that the service announced about the entity, oldest first. They stay as its log.
        in_progress: The deliveries that perform an effect now, by the inbox key of their event.
        erased: Whether the personal data of its subject was erased. Then nothing personal is stored here again.
    """

    key: str
    version: int = 0
    state: S | None = None
    inbox: tuple[str, ...] = ()
    outbox: tuple[OutboxEvent, ...] = ()
    in_progress: Mapping[str, InProgress] = field(default_factory=dict)
    erased: bool = False

    def first_event(self, contract: type[C]) -> Event[C]:
        """Return the first announced event.

        Raises:
            LookupError: If nothing has been announced.
            TypeError: If the first event is of another type.
        """
        if not self.outbox:
            raise LookupError(f"{self.key} has announced nothing")
        return self.outbox[0].read(contract)


class MessageMetadata(Struct, frozen=True):
    """The metadata of the event or command that changes an entity.

    Attributes:
        correlation_id: Identifies the request at the beginning.
        traceparent: The W3C trace context.
        time: The cause's time in milliseconds since 1970. An effect's time is always later.
        inbox_key: The key under which the entity remembers the event; None for a command.
        causation_id: The id of the handled event; unset for a command.
    """

    correlation_id: str
    traceparent: str
    time: int
    inbox_key: str | None = None
    causation_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, event: Event[Any]) -> "MessageMetadata":
        """Return the metadata of an event."""
        return cls(event.correlationid, event.traceparent, event.millis, inbox_key(event), event.id)


def inbox_key(event: Event[Any]) -> str:
    """Return an event's id without the entity's key: `billing/1`."""
    return f"{event.source}/{event.id.rpartition('/')[2]}"


def advance(
    entity: Entity[S],
    source: str,
    state: S,
    announce: Sequence[Contract | Announcement],
    metadata: MessageMetadata,
    now: int,
) -> Entity[S]:
    """Return the entity's next version with a new state and with announced events in its outbox.

    If the subject's personal data was erased, neither the state nor the events contain any, whatever a decision that
    was begun before still knows.

    Args:
        entity: The entity as found.
        source: The service's name, which becomes the events' `source`.
        state: The new state.
        announce: The data of the events to announce.
        metadata: The metadata of the cause.
        now: The current time in milliseconds since 1970.

    Raises:
        PermanentError: If no consumer would accept an event; see `OutboxEvent.of`.
        TypeError: If an event's personal data is not of the type that its contract declares.
    """
    time = max(now, metadata.time + 1)
    if announce and entity.outbox:
        time = max(time, entity.outbox[-1].millis + 1)
    first = len(entity.outbox) + 1
    parts = [_parts(each) for each in announce]
    announced = tuple(
        OutboxEvent.of(
            Event(
                id=event_id(source, entity.key, first + n),
                source=source,
                type=type(data).__name__,
                dataschema=data.schema(),
                subject=entity.key,
                time=to_rfc3339(time + n),
                correlationid=metadata.correlation_id,
                causationid=metadata.causation_id,
                traceparent=metadata.traceparent,
                personal=UNSET if entity.erased else personal,
                data=data,
            )
        )
        for n, (data, personal) in enumerate(parts)
    )
    state = erased_state(state) if entity.erased else state
    return replace(entity, version=entity.version + 1, state=state, outbox=entity.outbox + announced)


def _parts(announced: Contract | Announcement) -> tuple[Contract, str | UnsetType]:
    """Return the data of an event to announce, and its personal data as JSON text."""
    if not isinstance(announced, Announcement):
        return announced, UNSET
    contract, personal = type(announced.data), type(announced.personal)
    # A subclass may contain more than the contract's consumers need.
    if contract.personal is not personal:
        raise TypeError(f"{contract.__name__} does not declare that it carries {personal.__name__}")
    return announced.data, msgspec.json.encode(announced.personal).decode()


def mark_handled(entity: Entity[S], metadata: MessageMetadata) -> Entity[S]:
    """Return the entity with the event in its inbox. A command is not remembered."""
    key = metadata.inbox_key
    if key is None:
        return entity
    in_progress = {other: record for other, record in entity.in_progress.items() if other != key}
    return replace(entity, inbox=(*entity.inbox, key), in_progress=in_progress)


def mark_in_progress(entity: Entity[S], metadata: MessageMetadata, record: InProgress) -> Entity[S]:
    """Return the entity with an in-progress record for the event.

    Raises:
        ValueError: If the cause is a command, which nothing would deliver again after a crash.
    """
    if metadata.inbox_key is None:
        raise ValueError("only an event can reserve an effect: a command is not delivered again after a crash")
    return replace(entity, in_progress={**entity.in_progress, metadata.inbox_key: record})


class StoredEntity(Struct, frozen=True):
    """An entity in the form that a table stores.

    Attributes:
        key: The entity's key.
        version: The number of writes, from 1.
        state: The state as JSON.
        inbox: The inbox keys of the handled events.
        outbox: The announced events as JSON, oldest first.
        in_progress: The deliveries that perform an effect now, by the inbox key of their event.
        announces: Whether this write added to the outbox. The stream's filter skips all other writes.
        attributes: Further text attributes, such as the keys of indexes.
        erased: Whether the personal data of its subject was erased.
        format: The release that is needed to read the state; "" if every release can.
    """

    key: str
    version: int
    state: str
    inbox: tuple[str, ...] = ()
    outbox: tuple[str, ...] = ()
    in_progress: Mapping[str, InProgress] = msgspec.field(default_factory=dict)
    announces: bool = False
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    erased: bool = False
    format: str = ""


class EntityCodec(Generic[S]):
    """The codec of one service's entities.

    Attributes:
        format: The format of its states.
    """

    def __init__(self, state: type[S]) -> None:
        self.format = StateFormat(state)
        self._state = msgspec.json.Decoder(state | None)

    def encode(self, entity: Entity[S], *, announces: bool, attributes: Mapping[str, str]) -> StoredEntity:
        """Encode an entity.

        Args:
            entity: The entity to store.
            announces: Whether this write adds to the outbox.
            attributes: Further text attributes, such as the keys of indexes.
        """
        return StoredEntity(
            key=entity.key,
            version=entity.version,
            state=msgspec.json.encode(entity.state).decode(),
            inbox=entity.inbox,
            outbox=tuple(event.body for event in entity.outbox),
            in_progress=entity.in_progress,
            announces=announces,
            attributes=attributes,
            erased=entity.erased,
            format=self.format.of(entity.state),
        )

    def erase(self, stored: StoredEntity | None, key: str, inbox_key: str) -> StoredEntity:
        """Return an entity's next version without personal data, and with a mark that keeps it so.

        The texts are changed, and nothing is decoded. So what a newer release wrote stays.

        Args:
            stored: The entity; None if it is not stored.
            key: The entity's key.
            inbox_key: The inbox key of the event that erases the data.
        """
        if stored is None:
            return StoredEntity(key, 1, "null", (inbox_key,), erased=True)
        return msgspec.structs.replace(
            stored,
            version=stored.version + 1,
            state=redacted(stored.state) if stored.state != "null" else stored.state,
            inbox=(*stored.inbox, inbox_key),
            outbox=tuple(redacted(body) for body in stored.outbox),
            announces=False,
            erased=True,
        )

    def decode(self, stored: StoredEntity) -> Entity[S]:
        """Decode what `encode` returned.

        Raises:
            NewerReleaseError: If the state has a field that a newer release added. Nobody can write an entity that they
                have not read, so no release drops what a newer one wrote.
        """
        if not self.format.reads(stored.format):
            raise NewerReleaseError(f"release {stored.format} wrote {stored.key}, and this one cannot read it")
        return Entity(
            key=stored.key,
            version=stored.version,
            state=self._state.decode(stored.state),
            inbox=stored.inbox,
            outbox=tuple(OutboxEvent(body) for body in stored.outbox),
            in_progress=stored.in_progress,
            erased=stored.erased,
        )
