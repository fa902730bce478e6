"""What a decision may say: the pure half of a reaction, which the reactor carries out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tidings.events import Contract
from tidings.item import Attributes

S = TypeVar("S")


@dataclass(frozen=True)
class Adjust:
    """Adds to numbers of another item, in the same transaction as the order's own; what is not there counts from 0.

    It is refused where one of the numbers in `at_least` is less than that, or is not there.
    """

    key: str
    add: Mapping[str, int]
    at_least: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """Why nothing was written: each refused adjustment with the item that was found, and the decision's next result."""

    adjusts: tuple[tuple[Adjust, Attributes | None], ...]


@dataclass(frozen=True)
class Ignore:
    """The event changes nothing here, now or whenever it comes again: nothing is written."""


@dataclass(frozen=True)
class Act:
    """Do this outside first, then decide again with its result. Only for what is safe to do any number of times."""

    effect: Any


@dataclass(frozen=True)
class Claim(Generic[S]):
    """Write the intent, then act outside, then decide again with the result.

    Whoever comes between finds the intent. What an act before this one has brought about may be announced with it.
    An act that is `repeatable` may be begun again by another delivery of the event while this one is at it; any other
    is left alone until this function has surely ended.
    """

    state: S
    effect: Any
    announce: tuple[Contract, ...] = ()
    repeatable: bool = False


@dataclass(frozen=True)
class Commit(Generic[S]):
    """Write the state, the event as handled, and what to announce, in one conditional write: the reaction is done."""

    state: S
    announce: tuple[Contract, ...] = ()
    adjust: tuple[Adjust, ...] = ()


Decision = Ignore | Act | Claim[S] | Commit[S]
