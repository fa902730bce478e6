"""The recovery of the warehouse: the shipment of an order once each of its events was announced."""

from typing import Any

from msgspec.structs import replace

from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from functions.warehouse.handlers import Shipment
from functions.warehouse.service import service
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_dispatched(shipment: Shipment | None, event: Event[OrderDispatched], _cause: Event[Any] | None) -> Shipment:
    return replace(shipment or Shipment("waiting"), status="dispatched", tracking=event.data.tracking)


def _after_return(shipment: Shipment | None, event: Event[ReturnRequested], _cause: Event[Any] | None) -> Shipment:
    return replace(shipment or Shipment("waiting"), status="returning", lines=event.data.lines)


recovery = Recovery(
    service=service,
    recalls=(recall(OrderDispatched, _after_dispatched), recall(ReturnRequested, _after_return)),
)
