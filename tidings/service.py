"""What a service says of itself, once, in its own folder: the code runs by it and infra builds by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tidings.events import Contract

QueueKind = Literal["standard", "fifo"]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A part of the shop that reacts to events at its own pace.

    `name` is its folder's name and the `source` of its events. `reactions` maps the contract of each event that
    it subscribes to onto the decision that answers it. `subscribes_to_all` asks for every event, whatever its
    contract (then there are no decisions). `announces` are the contracts of its own events. `bets` are those of
    `reactions` whose order is most likely new here: their first write is made without a reading before it.
    `index` gives the attributes, beside the item's own, under which the table's index finds an item.
    """

    name: str
    announces: tuple[type[Contract], ...] = ()
    reactions: Mapping[type[Contract], Callable[..., Any]] = field(default_factory=dict)
    bets: frozenset[type[Contract]] = frozenset()
    subscribes_to_all: bool = False
    queue: QueueKind = "standard"
    index: Callable[[Any], Mapping[str, str]] | None = None

    @property
    def consumes(self) -> bool:
        """Whether it has a queue at all."""
        return self.subscribes_to_all or bool(self.reactions)
