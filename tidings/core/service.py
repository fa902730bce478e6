"""A service's declaration: its code runs by it and its infrastructure is derived from it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from tidings.core.contract import Contract
from tidings.core.decisions import Decision
from tidings.core.entity import Entity, EntityCodec
from tidings.core.event import Event
from tidings.core.personal import Personal, keeps_personal
from tidings.core.strategy import Log, Observer, OneByOne, Projection, Strategy

S = TypeVar("S")
C = TypeVar("C", bound=Contract)
QueueKind = Literal["standard", "fifo"]


@dataclass(frozen=True, kw_only=True)
class EventHandler(Generic[S]):
    """The handler of one event type; see `on`."""

    contract: type[Contract]
    decide: Callable[[Entity[S], Event[Any]], Decision[S]]
    creates: bool = False
    reads_personal: bool = False


def on(
    contract: type[C],
    handler: Callable[[Entity[S], Event[C]], Decision[S]],
    *,
    creates: bool = False,
    reads_personal: bool = False,
) -> EventHandler[S]:
    """Declare the handler of an event type.

    Args:
        contract: The event's contract.
        handler: A pure function of the entity and the event. A type checker compares both with the contract and
            with the service's state.
        creates: Whether the entity is most likely new here. Then the first write is made without reading the entity
            first (an optimistic create), so the handler must begin with a `Save`, or with an effect that does no
            harm if the entity exists after all.
        reads_personal: Whether the handler reads the event's personal data. The executor withholds it from all others.

    Example:
        ```python
        service = Service(
            name="assignment",
            state=Assignment,
            handlers=(on(TicketOpened, handlers.on_ticket_opened, creates=True),),
        )
        ```
    """
    return EventHandler(contract=contract, decide=handler, creates=creates, reads_personal=reads_personal)


def no_attributes(_entity: Entity[Any]) -> Mapping[str, str]:
    """Return the attributes of an entity that is in no index."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Index:
    """A secondary index of the service's table.

    Attributes:
        name: The index's name.
        partition: The attribute that is its partition key.
        sort: The attribute that is its sort key.
        projects: The attributes that it contains besides the keys.
        of: Returns the text attributes by which an entity is in the index; none leaves the entity out.
        numeric: Whether the sort key is a number.
    """

    name: str = "index"
    partition: str
    sort: str
    projects: tuple[str, ...] = ()
    of: Callable[[Any], Mapping[str, str]] = no_attributes
    numeric: bool = False

    @property
    def holds_entities(self) -> bool:
        """True if entities are in it. Otherwise the service itself stores the attributes of the items in it."""
        return self.of is not no_attributes

    @property
    def variable(self) -> str:
        """The environment variable with its name: `INDEX`, or `PENDING_INDEX` for the index `pending`."""
        return "INDEX" if self.name == "index" else f"{self.name.upper()}_INDEX"


@dataclass(frozen=True, kw_only=True)
class Service(Generic[S]):
    """A service: a part of the system that handles events at its own pace.

    Attributes:
        name: The name of its folder, and the `source` of its events.
        state: The struct of its state of an entity.
        announces: The contracts of the events that it announces.
        handlers: Its event handlers. It subscribes to these event types.
        external_handlers: The handlers of messages that reach its queue from elsewhere than the topic.
        strategy: How it handles its events.
        queue: The kind of its queue.
        concurrency: Maximum number of its consumers at a time, on a queue of either kind. A stage may allow fewer. The
            rate limits of its adapters are divided by this number.
        has_side_effects: Whether its effects reach beyond its table and its events.
        rebuildable: Whether its state may be deleted and rebuilt from the event log.
        indexes: The indexes of its table.
        expires: Whether items of its table may say when the table deletes them.
        keeps: The types of personal data that its state or its announced events contain. The service is subscribed to
            the events that have such data erased, and the executor handles them.
        under_way: Names what still goes on with an entity, given its state; "" if nothing does. The personal data of
            its subject is not erased before.
        list_of: Returns the name of the list (`tidings.http.pagination`) of a person's entities, given the person's id.
        in_exports: Whether an export of a person's data contains its entities although it declares none of the three
            above.
        kinds: Further kinds of entities in its table. Commands change them, and event handlers do not. Each is
            declared like a service of the same name, with another state, and has another executor.
        keys: A regular expression that the whole keys of such a kind match; empty for the service itself.

    Raises:
        ValueError: If it is declared rebuildable although it announces events or has side effects, if it announces
            a contract of another producer, if two handlers are declared for one event type, if its state or an
            announced event contains personal data that the service does not declare to keep, if a handler reads the
            personal data of an event that carries none, if a log, an observer or a projection keeps any, if a log
            or an observer declares anything about its entities, or if a further kind of entities has another name,
            handles events, names no keys, or announces what the service does not.
    """

    name: str
    state: type[S]
    announces: tuple[type[Contract], ...] = ()
    handlers: tuple[EventHandler[S], ...] = ()
    external_handlers: tuple[EventHandler[S], ...] = ()
    strategy: Strategy[S] = OneByOne()  # noqa: RUF009 - it is frozen
    queue: QueueKind = "standard"
    concurrency: int = 10
    has_side_effects: bool = False
    rebuildable: bool = False
    indexes: tuple[Index, ...] = ()
    expires: bool = False
    keeps: tuple[type[Personal], ...] = ()
    under_way: Callable[[S], str] | None = None
    list_of: Callable[[str], str] | None = None
    in_exports: bool = False
    kinds: "tuple[Service[Any], ...]" = ()
    keys: str = ""

    def __post_init__(self) -> None:
        if self.rebuildable and (self.announces or self.has_side_effects or self.external_handlers):
            raise ValueError(f"{self.name} cannot be rebuilt: it announces events, or its effects reach outside")
        for contract in self.announces:
            if contract.producer != self.name:
                raise ValueError(f"{self.name} announces {contract.__name__}, whose producer is {contract.producer}")
        handled = [handler.contract for handler in (*self.handlers, *self.external_handlers)]
        types = [contract.__name__ for contract in (*handled, *self.erased_by)]
        if len(types) != len(set(types)):
            raise ValueError(f"{self.name} declares two handlers of one event type")
        if self.subscribes_to_all and self.handlers:
            raise ValueError(f"{self.name} receives every event, so it cannot have event handlers")
        for kind in self.kinds:
            if kind.name != self.name or kind.consumes or not kind.keys or not {*kind.announces} <= {*self.announces}:
                raise ValueError(f"{self.name} declares a further kind of entities that is not like its own")
        self._check_personal()

    def _check_personal(self) -> None:
        """Refuse declarations about personal data that contradict each other."""
        for contract in self.announces:
            if contract.personal and contract.personal not in self.keeps:
                text = f"{self.name} announces {contract.__name__}, and does not declare that it keeps personal data"
                raise ValueError(text)
        for handler in self.handlers:
            if handler.reads_personal and handler.contract.personal is None:
                text = f"{self.name} reads personal data of {handler.contract.__name__}, which carries no personal data"
                raise ValueError(text)
        if isinstance(self.strategy, Log | Observer | Projection) and self.keeps:
            raise ValueError(
                f"{self.name} keeps personal data of entities, so it cannot be a log, an observer or a projection"
            )
        if keeps_personal(self.state) and not self.keeps:
            raise ValueError(f"{self.name} has a state with personal data, and does not declare that it keeps any")
        if self.subscribes_to_all and self.answers_about_people:
            raise ValueError(f"{self.name} receives every event, so it has no entities to tell of")

    @cached_property
    def codec(self) -> EntityCodec[S]:
        """Encodes and decodes its entities."""
        return EntityCodec(self.state)

    @cached_property
    def contracts(self) -> tuple[type[Contract], ...]:
        """The contracts of the events that it subscribes to."""
        return (*(handler.contract for handler in self.handlers), *self.erased_by)

    @cached_property
    def erased_by(self) -> tuple[type[Contract], ...]:
        """The contracts of the events that have personal data of this service erased."""
        return tuple(dict.fromkeys(kept.erased_by for kept in self.keeps))

    @property
    def answers_about_people(self) -> bool:
        """True if it tells which entities a person has, what they contain, or what goes on with them."""
        return bool(self.keeps) or self.under_way is not None or self.list_of is not None or self.in_exports

    @property
    def subscribes_to_all(self) -> bool:
        """True if it receives every event of the topic."""
        return isinstance(self.strategy, Log | Observer)

    @property
    def consumes(self) -> bool:
        """True if it has a queue."""
        return self.subscribes_to_all or bool(self.contracts)

    def kind_of(self, key: str) -> "Service[Any]":
        """Return the declaration of the entity with a key: that of a further kind, or the service itself."""
        return next((kind for kind in self.kinds if re.fullmatch(kind.keys, key)), self)

    def handler_of(self, event_type: str) -> EventHandler[S]:
        """Return the handler of an event type.

        Raises:
            KeyError: If the service has none.
        """
        return self._by_type[event_type]

    def creates(self, event_type: str) -> bool:
        """Return whether an event's handler most likely finds no entity. An event that erases data creates none."""
        handler = self._by_type.get(event_type)
        return handler is not None and handler.creates

    def index_attributes(self, entity: Entity[S]) -> dict[str, str]:
        """Return the attributes by which an entity is in the indexes."""
        return {name: value for index in self.indexes for name, value in index.of(entity).items()}

    @cached_property
    def _by_type(self) -> Mapping[str, EventHandler[S]]:
        return {handler.contract.__name__: handler for handler in (*self.handlers, *self.external_handlers)}
