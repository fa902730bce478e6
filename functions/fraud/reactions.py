"""Whether an order looks like fraud: decided once it has been noted beside those that were seen around it."""

from collections.abc import Collection
from dataclasses import dataclass

from msgspec import Struct

from functions.fraud.rules import Seen
from tidings.contracts import Address, Money, OrderFlagged, OrderPlaced
from tidings.decisions import Act, Commit, Decision, Ignore
from tidings.events import Event
from tidings.item import Item


class Finding(Struct, frozen=True):
    """An order that was flagged, and the rules that it breaks."""

    rules: tuple[str, ...]


@dataclass(frozen=True)
class Note:
    """Note an order beside the others; noting it again changes nothing."""

    seen: Seen
    address: Address
    total: Money
    event: Event[OrderPlaced]


@dataclass(frozen=True)
class Noted:
    """The names of the rules that the order breaks, by what was seen so far."""

    broken: frozenset[str]


def placed(item: Item[Finding], event: Event[OrderPlaced], noted: Noted | None) -> Decision[Finding]:
    """Flags the order by the rules that it breaks."""
    if noted is None:
        order = event.data
        return Act(Note(Seen(event.millis, item.order, order.customer), order.address, order.total, event))
    return flag(item, noted.broken)


def flag(item: Item[Finding], broken: Collection[str]) -> Decision[Finding]:
    """An order is flagged once, by the rules that are known to be broken by then."""
    if item.state is not None or not broken:
        return Ignore()
    rules = tuple(sorted(broken))
    return Commit(Finding(rules), (OrderFlagged(rules=rules),))
