"""What a service says of itself, once, in its own folder: the code runs by it and infra builds by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from tidings.decisions import Decision
from tidings.events import Contract
from tidings.item import ItemCodec

S = TypeVar("S")
QueueKind = Literal["standard", "fifo"]


@dataclass(frozen=True, kw_only=True)
class Index:
    """Another order of the table: items with these two attributes are found by them; it `projects` these others.

    `of` gives an item's attributes for it, beside those it has anyway; an item for which it gives none is not in it.
    `numeric` says that it sorts by a number, and not by a text.
    """

    name: str = "index"
    partition: str
    sort: str
    projects: tuple[str, ...] = ()
    of: Callable[[Any], Mapping[str, str]] = lambda _: {}
    numeric: bool = False

    @property
    def variable(self) -> str:
        """Under which the functions' environment has its name: `INDEX`, or that of `pending`, `PENDING_INDEX`."""
        return "INDEX" if self.name == "index" else f"{self.name.upper()}_INDEX"


@dataclass(frozen=True, kw_only=True)
class Batching:
    """How a standard queue's consumer takes its messages, where it commits many of them together.

    It takes `size` at most, and waits so many `seconds` for them: in stages that wait at all, for without waiting SQS
    gives ten. `consumers` caps how many of it run at once, where that is fewer than the stage allows (two at least).
    """

    size: int
    seconds: int
    consumers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Service(Generic[S]):
    """A part of the shop that reacts to events at its own pace.

    `name` is its folder's name and the `source` of its events; `state` is the struct of what it knows of an order.
    `reactions` maps the contract of each event that it subscribes to onto the decision that answers it; `outside`
    does so for what reaches its queue from elsewhere than the topic. `subscribes_to_all` asks for every event,
    whatever its contract (then there are no decisions). `announces` are the contracts of its own events. `bets` are
    those of `reactions` whose order is most likely new here: their first write is made without a reading before it, so
    their decisions begin with a `Commit`, or with an act that does no harm where the order is known after all. `thin`
    asks for events without what they say: the decisions then get the envelope alone, and look at the order through
    the API. The table's partition key is `pk`; `sort_key` names a second one. `batching` asks for larger batches than
    the stage's.
    `acts_outside` says that its effects (money, mail) reach beyond its table and its events.
    """

    name: str
    state: type[S]
    announces: tuple[type[Contract], ...] = ()
    reactions: Mapping[type[Contract], Callable[..., Any]] = field(default_factory=dict)
    outside: Mapping[type[Contract], Callable[..., Any]] = field(default_factory=dict)
    bets: frozenset[type[Contract]] = frozenset()
    subscribes_to_all: bool = False
    thin: bool = False
    queue: QueueKind = "standard"
    acts_outside: bool = False
    sort_key: str | None = None
    indexes: tuple[Index, ...] = ()
    batching: Batching | None = None

    @cached_property
    def codec(self) -> ItemCodec[S]:
        """Reads and writes its orders' items."""
        return ItemCodec(self.state)

    @cached_property
    def decisions(self) -> Mapping[str, Callable[..., "Decision[S]"]]:
        """The decision that answers each type of event."""
        return {contract.__name__: decision for contract, decision in {**self.reactions, **self.outside}.items()}

    def indexed(self, item: Any) -> dict[str, str]:
        """The attributes by which an item stands in the indexes."""
        return {name: value for index in self.indexes for name, value in index.of(item).items()}

    def bets_on(self, event_type: str) -> bool:
        """Whether the order of such an event is taken for new."""
        return any(contract.__name__ == event_type for contract in self.bets)

    @property
    def consumes(self) -> bool:
        """Whether it has a queue at all."""
        return self.subscribes_to_all or bool(self.reactions)

    @property
    def is_projection(self) -> bool:
        """Whether all it knows comes from events and stays with it, so that it can be forgotten and built again."""
        return bool(self.reactions) and not (self.announces or self.acts_outside or self.outside)
