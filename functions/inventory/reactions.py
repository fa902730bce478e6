"""What an order holds of the stock: decided on what is known of it, in whatever order that became known."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tidings.contracts import (
    OrderCancelled,
    OrderDispatched,
    OrderPlaced,
    Shortage,
    StockRejected,
    StockReleased,
    StockReserved,
    Units,
)
from tidings.decisions import Adjust, Commit, Decision, Ignore, Refused
from tidings.events import Contract, Event
from tidings.item import Item

Hold = Literal["none", "reserved", "shipped"]


class Holding(Struct, frozen=True, omit_defaults=True):
    """What an order holds. Its lines are unknown until it was placed; then `rejected` says that they were not there."""

    lines: tuple[Units, ...] = ()
    hold: Hold = "none"
    rejected: bool = False
    cancelled: bool = False
    dispatched: bool = False


def placed(item: Item[Holding], event: Event[OrderPlaced], refused: Refused | None) -> Decision[Holding]:
    """All lines are put aside, or none."""
    holding = item.state or Holding()
    if holding.lines:
        return Ignore()
    lines = tuple(Units(line.sku, line.quantity) for line in event.data.lines)
    if refused and not holding.cancelled:
        short = _shortages(lines, refused)
        return Commit(replace(holding, lines=lines, rejected=True), (StockRejected(short=short),))
    return _settle(replace(holding, lines=lines))


def cancelled(item: Item[Holding], _event: Event[OrderCancelled], _: object) -> Decision[Holding]:
    """What was put aside is for sale again; what was dispatched is on its way back, and counts as on hand."""
    return _settle(replace(item.state or Holding(), cancelled=True))


def dispatched(item: Item[Holding], _event: Event[OrderDispatched], _: object) -> Decision[Holding]:
    """What was put aside is gone."""
    return _settle(replace(item.state or Holding(), dispatched=True))


def _settle(holding: Holding) -> Decision[Holding]:
    """Moves the stock from what the order holds to what it should hold."""
    hold = _due(holding)
    moved = tuple(_move(units, holding.hold, hold) for units in holding.lines) if hold != holding.hold else ()
    announce: tuple[Contract, ...] = ()
    if hold == "reserved":
        announce = (StockReserved(lines=holding.lines),)
    elif hold == "none" and moved:
        announce = (StockReleased(lines=holding.lines),)
    return Commit(replace(holding, hold=hold), announce, moved)


def _due(holding: Holding) -> Hold:
    if not holding.lines or holding.rejected or holding.cancelled:
        return "none"
    return "shipped" if holding.dispatched else "reserved"


def _move(units: Units, before: Hold, after: Hold) -> Adjust:
    """Stock has what is `available` and what is `reserved`; together they are on hand."""
    available = {"none": 0, "reserved": -units.quantity, "shipped": -units.quantity}
    reserved = {"none": 0, "reserved": units.quantity, "shipped": 0}
    change = {
        "available": available[after] - available[before],
        "reserved": reserved[after] - reserved[before],
    }
    return Adjust(
        stock_key(units.sku),
        add={name: by for name, by in change.items() if by},
        at_least={name: -by for name, by in change.items() if by < 0},
    )


def stock_key(sku: str) -> str:
    """The key of a product's stock in inventory's table; an order's key is its id, which has no such sign."""
    return f"stock#{sku}"


def _shortages(lines: tuple[Units, ...], refused: Refused) -> tuple[Shortage, ...]:
    found = {adjust.key: int(stock["available"]["N"]) if stock else 0 for adjust, stock in refused.adjusts}
    return tuple(
        Shortage(units.sku, units.quantity, found[key]) for units in lines if (key := stock_key(units.sku)) in found
    )
