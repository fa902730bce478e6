"""A small service of the runtime's own tests: it answers questions."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from tests.unit.facts import NOON_MILLIS
from tests.unit.memory import MemoryTable
from tidings.decisions import Commit, Decision, Ignore
from tidings.events import Contract, Event
from tidings.item import Item
from tidings.reactor import Perform, Reactor, no_effects
from tidings.service import Index, Service


class Asked(Contract, frozen=True, kw_only=True):
    question: str = "why?"


class Repeated(Contract, frozen=True, kw_only=True):
    pass


class Answered(Contract, frozen=True, kw_only=True):
    text: str


class Known(Struct, frozen=True):
    words: tuple[str, ...] = ()


Decide = Callable[[Item[Known], Event[Any], Any], Decision[Known]]


def answer(item: Item[Known], event: Event[Asked], _result: object) -> Decision[Known]:
    """Adds the question to what is known, and answers it."""
    return Commit(add(item, event.data.question), (Answered(text="because"),))


def add(item: Item[Known], word: str) -> Known:
    return Known((*(item.state.words if item.state else ()), word))


def ignore(_item: Item[Known], _event: Event[Any], _result: object) -> Decision[Known]:
    return Ignore()


def service(decide: Decide = answer, *, bet: bool = False, indexes: tuple[Index, ...] = ()) -> Service[Known]:
    return Service(
        name="answers",
        state=Known,
        announces=(Answered,),
        reactions={Asked: decide, Repeated: ignore},
        bets=frozenset({Asked}) if bet else frozenset(),
        indexes=indexes,
    )


class Bench:
    """A reactor over a table in memory, its clock standing still until it is set."""

    def __init__(
        self,
        decide: Decide = answer,
        perform: Perform = no_effects,
        *,
        bet: bool = False,
        indexes: tuple[Index, ...] = (),
        items: Mapping[str, Any] | None = None,
    ) -> None:
        self.table = MemoryTable(*(items or {}).values())
        self.now = NOON_MILLIS
        self.pauses: list[int] = []
        self.service = service(decide, bet=bet, indexes=indexes)
        self.reactor = Reactor(self.service, self.table, perform, lambda: self.now, self.pauses.append)

    def deliver(self, *events: Event[Any], deadline: int = 0) -> None:
        """Each event as a delivery of its own, to a process that knows of no other."""
        for event in events:
            self.reactor.order(event.subject).react(event, deadline)

    def item(self, order: str) -> Item[Known]:
        return self.service.codec.decode(self.table.items[order])
