"""The ways in which a service handles its events, as declared in its `service.py`."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from tidings.core.entity import reserved_key

S = TypeVar("S")

SORT_KEY = "sk"
"""The sort key of a projection's table."""


# The values below are structs: to define a frozen dataclass takes a third of a millisecond of every cold start.
class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The size of the batches that a standard queue's consumer receives.

    Attributes:
        size: Maximum number of messages.
        seconds: Maximum time to wait for a batch to fill. A stage that does not wait receives ten messages at most.
    """

    size: int
    seconds: int


class OneByOne(msgspec.Struct, frozen=True, kw_only=True):
    """Each event is committed by itself: one conditional write an event."""

    sort_key: ClassVar[None] = None
    batch: Batch | None = None


class Batched(msgspec.Struct, frozen=True, kw_only=True):
    """The entities of a batch are committed together where they increment the same items."""

    sort_key: ClassVar[None] = None
    batch: Batch | None


class CounterKey(NamedTuple):
    """The address of one number among a projection's counters: `name` in a row of a group."""

    group: str
    row: str
    name: str


Contribution = Mapping[CounterKey, int]
"""The numbers that one entity adds to the counters."""


def counter_partition(group: str, shard: int) -> str:
    """Return the partition of one shard of a group's rows."""
    return reserved_key(group, str(shard))


def from_zero(_counter: CounterKey) -> int:
    """Return the start value of most counters."""
    return 0


class Projection(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """Events are summed into counters, a batch in as few transactions as fit.

    The counters are always the sum of all entities' contributions: each write adds the difference between the
    entity's contribution before and after. A handler must not increment them itself.

    Attributes:
        contribution: What an entity adds to the counters, by its state.
        shards: Number of rows among which each counter is spread. Readers sum them.
        start: The value that a counter starts from; always the same for one counter.
    """

    sort_key: ClassVar[str] = SORT_KEY
    contribution: Callable[[S], Contribution]
    shards: int = 1
    start: Callable[[CounterKey], int] = from_zero
    batch: Batch | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Every event of the topic is recorded as it came, whatever its contract. The service has no event handlers."""

    sort_key: str
    batch: Batch | None = None


class Observer(msgspec.Struct, frozen=True, kw_only=True):
    """Every event of the topic is handed to a function of the service, without its personal data.

    The service has no event handlers and no entities. Its table contains what that function writes.
    """

    sort_key: str | None = None
    batch: Batch | None = None


Strategy = OneByOne | Batched | Projection[S] | Log | Observer
