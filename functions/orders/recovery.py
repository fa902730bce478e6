"""The recovery of orders: the state of an order once each of its events was announced."""

from typing import Any

from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from functions.orders.handlers import Order
from functions.orders.service import service
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_placed(order: Order | None, _event: Event[OrderPlaced], _cause: Event[Any] | None) -> Order:
    return order or Order()


def _after_confirmed(order: Order | None, _event: Event[OrderConfirmed], _cause: Event[Any] | None) -> Order:
    return replace(order or Order(), status="CONFIRMED", paid=True, reserved=True)


def _after_cancelled(order: Order | None, event: Event[OrderCancelled], _cause: Event[Any] | None) -> Order:
    return replace(order or Order(), status="CANCELLED", reason=event.data.reason)


recovery = Recovery(
    service=service,
    recalls=(
        recall(OrderPlaced, _after_placed),
        recall(OrderConfirmed, _after_confirmed),
        recall(OrderCancelled, _after_cancelled),
    ),
)
