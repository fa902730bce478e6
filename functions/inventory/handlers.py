"""The stock that an order holds: decided by what is known of the order, in whatever order it became known."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import Shortage, Units
from contracts.warehouse.order_dispatched import OrderDispatched
from tidings.core.contract import Contract
from tidings.core.decisions import ConditionFailed, Decision, Increment, Save, Skip
from tidings.core.entity import Entity, reserved_key
from tidings.core.event import Event

Hold = Literal["none", "reserved", "shipped"]


class Holding(Struct, frozen=True, omit_defaults=True):
    """The stock that an order holds. The lines are unknown until it is placed; `rejected` means they were short."""

    lines: tuple[Units, ...] = ()
    hold: Hold = "none"
    rejected: bool = False
    cancelled: bool = False
    dispatched: bool = False


def on_order_placed(entity: Entity[Holding], event: Event[OrderPlaced]) -> Decision[Holding]:
    """Reserve all lines, or none."""
    holding = entity.state or Holding()
    if holding.lines:
        return Skip()
    return _balance(replace(holding, lines=units_of(event)), otherwise=partial(_after_shortage, event))


def _after_shortage(event: Event[OrderPlaced], entity: Entity[Holding], failed: ConditionFailed) -> Decision[Holding]:
    holding = entity.state or Holding()
    if holding.lines or holding.cancelled:
        return on_order_placed(entity, event)
    lines = units_of(event)
    announcement = StockRejected(short=_shortages(lines, failed))
    return Save(replace(holding, lines=lines, rejected=True), (announcement,))


def on_order_cancelled(entity: Entity[Holding], _event: Event[OrderCancelled]) -> Decision[Holding]:
    """Release what is reserved. Dispatched goods are on their way back and count as on hand."""
    return _balance(replace(entity.state or Holding(), cancelled=True))


def on_order_dispatched(entity: Entity[Holding], _event: Event[OrderDispatched]) -> Decision[Holding]:
    """Take the reserved goods out of stock."""
    return _balance(replace(entity.state or Holding(), dispatched=True))


def stock_key(sku: str) -> str:
    """Return the key of a product's stock in inventory's table."""
    return reserved_key("stock", sku)


def _balance(
    holding: Holding, otherwise: Callable[[Entity[Holding], ConditionFailed], Decision[Holding]] | None = None
) -> Decision[Holding]:
    """Move stock from what the order holds to what it should hold."""
    hold = _target(holding)
    moved = tuple(_move(units, holding.hold, hold) for units in holding.lines) if hold != holding.hold else ()
    announce: tuple[Contract, ...] = ()
    if hold == "reserved":
        announce = (StockReserved(lines=holding.lines),)
    elif hold == "none" and moved:
        announce = (StockReleased(lines=holding.lines),)
    return Save(replace(holding, hold=hold), announce, moved, otherwise)


def _target(holding: Holding) -> Hold:
    if not holding.lines or holding.rejected or holding.cancelled:
        return "none"
    return "shipped" if holding.dispatched else "reserved"


def _move(units: Units, before: Hold, after: Hold) -> Increment:
    """Return the increment of a product's stock, whose `available` and `reserved` units together are on hand."""
    available = {"none": 0, "reserved": -units.quantity, "shipped": -units.quantity}
    reserved = {"none": 0, "reserved": units.quantity, "shipped": 0}
    change = {
        "available": available[after] - available[before],
        "reserved": reserved[after] - reserved[before],
    }
    return Increment(
        stock_key(units.sku),
        add={name: by for name, by in change.items() if by},
        at_least={name: -by for name, by in change.items() if by < 0},
    )


def units_of(event: Event[OrderPlaced]) -> tuple[Units, ...]:
    """Return the units that an order is about."""
    return tuple(Units(line.sku, line.quantity) for line in event.data.lines)


def _shortages(lines: tuple[Units, ...], failed: ConditionFailed) -> tuple[Shortage, ...]:
    found = {increment.key: numbers["available"] if numbers else 0 for increment, numbers in failed.failures}
    return tuple(
        Shortage(units.sku, units.quantity, found[key]) for units in lines if (key := stock_key(units.sku)) in found
    )
