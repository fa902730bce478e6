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
    """The table's second order: items with these two attributes are found by them; it `projects` these others.

    `of` gives an item's attributes for it.
    """

    partition: str
    sort: str
    projects: tuple[str, ...]
    of: Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Service(Generic[S]):
    """A part of the shop that reacts to events at its own pace.

    `name` is its folder's name and the `source` of its events; `state` is the struct of what it knows of an order.
    `reactions` maps the contract of each event that it subscribes to onto the decision that answers it; `outside`
    does so for what reaches its queue from elsewhere than the topic. `subscribes_to_all` asks for every event,
    whatever its contract (then there are no decisions). `announces` are the contracts of its own events. `bets` are
    those of `reactions` whose order is most likely new here: their first write is made without a reading before it, so
    their decisions begin with a `Commit`. The table's partition key is `pk`; `sort_key` names a second one.
    """

    name: str
    state: type[S]
    announces: tuple[type[Contract], ...] = ()
    reactions: Mapping[type[Contract], Callable[..., Any]] = field(default_factory=dict)
    outside: Mapping[type[Contract], Callable[..., Any]] = field(default_factory=dict)
    bets: frozenset[type[Contract]] = frozenset()
    subscribes_to_all: bool = False
    queue: QueueKind = "standard"
    sort_key: str | None = None
    index: Index | None = None

    @cached_property
    def codec(self) -> ItemCodec[S]:
        """Reads and writes its orders' items."""
        return ItemCodec(self.state)

    def decision(self, contract: type[Contract]) -> Callable[..., "Decision[S]"]:
        """The decision that answers events of this contract."""
        return self.reactions.get(contract) or self.outside[contract]

    @property
    def consumes(self) -> bool:
        """Whether it has a queue at all."""
        return self.subscribes_to_all or bool(self.reactions)
