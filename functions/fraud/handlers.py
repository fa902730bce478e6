"""The suspicion of fraud: decided once an order has been compared with the orders seen around it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.money import Money
from functions.fraud.rules import Seen
from tidings.core.decisions import Decision, Perform, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event


class Finding(Struct, frozen=True):
    """A flagged order and the rules that it breaks."""

    rules: tuple[str, ...]


@dataclass(frozen=True)
class Noted:
    """The names of the rules that the order breaks, by what has been seen so far."""

    broken: frozenset[str]


class Investigator(Protocol):
    """The port that compares an order with the others."""

    def note(self, note: "Note") -> Noted:
        """Note an order among the others, and return the rules that it breaks."""


@dataclass(frozen=True)
class Note:
    """The request to note an order among the others. A repeat changes nothing."""

    seen: Seen
    address: Address
    total: Money
    event: Event[OrderPlaced]

    def perform(self, investigator: Investigator) -> Noted:
        """Note the order."""
        return investigator.note(self)


def on_order_placed(entity: Entity[Finding], event: Event[OrderPlaced]) -> Decision[Finding]:
    """Flag the order by the rules that it breaks."""
    order = event.data
    note = Note(Seen(event.millis, entity.key, order.customer), order.address, order.total, event)
    return Perform(note, lambda entity, noted: flag(entity, noted.broken))


def flag(entity: Entity[Finding], broken: Collection[str]) -> Decision[Finding]:
    """Flag an order once, by the rules that are known to be broken by then."""
    if entity.state is not None or not broken:
        return Skip()
    rules = tuple(sorted(broken))
    return Save(Finding(rules), (OrderFlagged(rules=rules),))
