"""A small service for the library's own tests: it answers questions and remembers their words."""

from collections.abc import Callable

from msgspec import Struct

from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import Index, Service, on


class Asked(Contract, frozen=True, kw_only=True):
    producer = "test"

    question: str = "why?"


class Repeated(Contract, frozen=True, kw_only=True):
    producer = "test"


class Answered(Contract, frozen=True, kw_only=True):
    producer = "answers"

    text: str


class Known(Struct, frozen=True):
    words: tuple[str, ...] = ()


Decide = Callable[[Entity[Known], Event[Asked]], Decision[Known]]


def answer(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
    """Add the question to the known words, and answer it."""
    return Save(add(entity, event.data.question), (Answered(text="because"),))


def add(entity: Entity[Known], word: str) -> Known:
    return Known((*(entity.state.words if entity.state else ()), word))


def skip(_entity: Entity[Known], _event: Event[Repeated]) -> Decision[Known]:
    return Skip()


def answers(decide: Decide = answer, *, creates: bool = False, indexes: tuple[Index, ...] = ()) -> Service[Known]:
    return Service(
        name="answers",
        state=Known,
        announces=(Answered,),
        handlers=(on(Asked, decide, creates=creates), on(Repeated, skip)),
        indexes=indexes,
    )
