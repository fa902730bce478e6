"""The recovery of inventory: the stock that an order holds once each of its events was announced."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import Units
from contracts.values.product import sku_of
from functions.inventory.adjustments import FIRST_REVISION, Adjustments, adjustments
from functions.inventory.handlers import Holding, stock_key, units_of
from functions.inventory.service import service
from tidings.core.decisions import Increment
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_reserved(holding: Holding | None, event: Event[StockReserved], _cause: Event[Any] | None) -> Holding:
    return replace(holding or Holding(), lines=event.data.lines, hold="reserved")


def _after_rejected(holding: Holding | None, event: Event[StockRejected], cause: Event[Any] | None) -> Holding:
    short = tuple(Units(each.sku, each.requested) for each in event.data.short)
    lines = units_of(cause) if cause and isinstance(cause.data, OrderPlaced) else short
    return replace(holding or Holding(), lines=lines, rejected=True)


def _after_released(holding: Holding | None, event: Event[StockReleased], _cause: Event[Any] | None) -> Holding:
    return replace(holding or Holding(), lines=event.data.lines, hold="none", cancelled=True)


def _after_adjusted(
    adjusted: Adjustments | None, event: Event[StockAdjusted], _cause: Event[Any] | None
) -> Adjustments:
    return Adjustments((adjusted or Adjustments()).difference + event.data.difference)


# The counters: the stock of each product


def _held(entity: Entity[Holding]) -> Iterator[Increment]:
    holding = entity.state
    if holding is None or holding.hold == "none":
        return
    for units in holding.lines:
        reserved = units.quantity if holding.hold == "reserved" else 0
        yield Increment(stock_key(units.sku), {AVAILABLE: -units.quantity, RESERVED: reserved})


def _adjusted(entity: Entity[Adjustments]) -> Iterator[Increment]:
    if entity.state:
        add = {AVAILABLE: entity.state.difference, RESERVED: 0, REVISION: -len(entity.outbox)}
        yield Increment(stock_key(sku_of(entity.key)), add, start={REVISION: FIRST_REVISION})


AVAILABLE, RESERVED, REVISION = "available", "reserved", "revision"

recovery = Recovery(
    service=service,
    recalls=(
        recall(StockReserved, _after_reserved),
        recall(StockRejected, _after_rejected),
        recall(StockReleased, _after_released),
    ),
    counts=_held,
    counted=frozenset({AVAILABLE, RESERVED}),
    kinds=(
        Recovery(
            service=adjustments,
            recalls=(recall(StockAdjusted, _after_adjusted),),
            counts=_adjusted,
            keys=adjustments.keys,
        ),
    ),
)
