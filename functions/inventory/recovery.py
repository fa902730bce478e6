"""The recovery of inventory: the stock that an order holds once each of its events was announced."""

from typing import Any

from msgspec.structs import replace

from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import Units
from functions.inventory.handlers import Holding, units_of
from functions.inventory.service import service
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


recovery = Recovery(
    service=service,
    recalls=(
        recall(StockReserved, _after_reserved),
        recall(StockRejected, _after_rejected),
        recall(StockReleased, _after_released),
    ),
)
