"""The decisions that a handler or a command returns, and the executor carries out.

A handler is a pure function of an entity and an event. It returns one of these values and does nothing itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tidings.core.contract import Announcement, Contract
from tidings.core.entity import RESERVED, Entity

S = TypeVar("S")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
P_contra = TypeVar("P_contra", contravariant=True)

Numbers = Mapping[str, int]
"""An item's numeric attributes, by name, without the one that says when it expires."""

EXPIRES = "expires"
"""The attribute after whose time a table deletes an item, in seconds since 1970. No number has this name."""


class Effect(Protocol[P_contra, R_co]):
    """An action outside the service's table, as data: it performs itself through a port."""

    def perform(self, port: P_contra, /) -> R_co:
        """Perform the action.

        Raises:
            RetryableError: If it is unknown whether the action was done, or it may succeed later. Any other error
                of a client means the same.
        """


@dataclass(frozen=True)
class Increment:
    """A conditional increment of another item, in the same transaction as the entity's own write.

    Attributes:
        key: The item's key; see `reserved_key`.
        add: The number to add to each of the item's numbers.
        at_least: The minimum that each number must have before the increment. A missing number has the value that
            `start` names; if it names none, the condition fails.
        start: The value that a missing number starts from; 0 if it is not named.
        row: The item's sort key, in a table that has one.
        expires: When the table may delete the item, in seconds since 1970; None for never. The first increment that
            names a time sets it, and no later one changes it. The service must declare that its items expire.
    """

    key: str
    add: Numbers
    at_least: Numbers = field(default_factory=dict)
    start: Numbers = field(default_factory=dict)
    row: str = ""
    expires: int | None = None

    def __post_init__(self) -> None:
        if not self.key.startswith(RESERVED):
            raise ValueError(f"{self.key!r} is an entity's key; an increment changes an item with a reserved key")
        if EXPIRES in self.add or EXPIRES in self.at_least:
            raise ValueError(f"no number of {self.key!r} can be called {EXPIRES!r}, which is when the item expires")

    @property
    def item(self) -> tuple[str, str]:
        """The item that it increments: its key and its row."""
        return self.key, self.row

    def admits_missing(self, name: str) -> bool:
        """Return whether a missing number meets its minimum, because it starts from enough."""
        return name in self.start and self.start[name] >= self.at_least[name]


def sum_increments(increments: Iterable[Increment]) -> tuple[Increment, ...]:
    """Return one increment for each item, with the condition and the effect of its increments one after another."""
    sums: dict[tuple[str, str], Increment] = {}
    for increment in increments:
        before = sums.get(increment.item)
        sums[increment.item] = _add(before, increment) if before else increment
    return tuple(sums.values())


def _add(first: Increment, second: Increment) -> Increment:
    add = Counter(first.add)
    # The second's condition is checked before the first has added its numbers.
    at_least = {name: least - add[name] for name, least in second.at_least.items()}
    for name, least in first.at_least.items():
        at_least[name] = max(least, at_least.get(name, least))
    add.update(second.add)
    expires = second.expires if first.expires is None else first.expires
    return Increment(first.key, add, at_least, {**second.start, **first.start}, first.row, expires)


@dataclass(frozen=True)
class ConditionFailed:
    """The increments whose condition failed. Nothing was written.

    Attributes:
        failures: Each failed increment with the numbers that were found, or None if the item does not exist.
    """

    failures: tuple[tuple[Increment, Numbers | None], ...]


@dataclass(frozen=True)
class Skip:
    """The decision to write nothing: the event changes nothing here, now or when it is delivered again."""


@dataclass(frozen=True)
class Reject:
    """The decision to refuse a command. Nothing is written.

    Attributes:
        code: A fixed word for the caller's program.
        detail: What the caller can do about it.
    """

    code: str
    detail: str


@dataclass(frozen=True)
class Perform(Generic[S]):
    """The decision to perform an effect that may be repeated any number of times, and to decide on its result.

    Nothing is written first.

    Attributes:
        effect: The effect.
        then: Decides on the entity, as it is by then, and the effect's result.
    """

    effect: Effect[Any, Any]
    then: Callable[[Entity[S], Any], "Decision[S]"]

    if TYPE_CHECKING:
        # A type parameter of the class would be inferred from `Decision`, as Any. That of the constructor is inferred
        # from the effect, so a type checker compares it with `then`.
        def __init__(self, effect: Effect[Any, R], then: Callable[[Entity[S], R], "Decision[S]"]) -> None: ...


@dataclass(frozen=True)
class Reserve(Generic[S]):
    """The decision to record the intent, then to perform an effect, then to decide on its result.

    Attributes:
        state: The entity's state while the effect is performed. Any other event finds it.
        effect: The effect.
        then: Decides on the entity, as it is by then, and the effect's result.
        announce: Events to announce with the intent, such as the outcome of an earlier effect.
        repeatable: Whether another delivery of the event may perform the effect at the same time. If not, it waits
            until this delivery's function must have ended.
    """

    state: S
    effect: Effect[Any, Any]
    then: Callable[[Entity[S], Any], "Decision[S]"]
    announce: tuple[Contract | Announcement, ...] = ()
    repeatable: bool = False

    if TYPE_CHECKING:
        # As in `Perform`.
        def __init__(
            self,
            state: S,
            effect: Effect[Any, R],
            then: Callable[[Entity[S], R], "Decision[S]"],
            announce: tuple[Contract | Announcement, ...] = (),
            repeatable: bool = False,
        ) -> None: ...


@dataclass(frozen=True)
class Save(Generic[S]):
    """The decision to write the new state, the event's inbox key and the announced events in one conditional write.

    Attributes:
        state: The entity's new state.
        announce: The data of the events to announce, with their personal data if they carry any.
        increments: Conditional increments of other items in the same transaction.
        otherwise: Decides again if a condition fails. Without it, a failed condition is retried.
    """

    state: S
    announce: tuple[Contract | Announcement, ...] = ()
    increments: tuple[Increment, ...] = ()
    otherwise: "Callable[[Entity[S], ConditionFailed], Decision[S]] | None" = None


Decision = Skip | Reject | Perform[S] | Reserve[S] | Save[S]
