"""The recovery of orders: the state of an order once each of its events was announced."""

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.orders.price_changed import PriceChanged
from contracts.orders.product_listed import ProductListed
from contracts.values.product import PRODUCT_MONTH, sku_of
from functions.orders.catalogue import Entry, catalogue, product_key
from functions.orders.handlers import Order
from functions.orders.service import service
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_placed(order: Order | None, _event: Event[OrderPlaced], _cause: Event[Any] | None) -> Order:
    return order or Order()


def _after_confirmed(order: Order | None, _event: Event[OrderConfirmed], _cause: Event[Any] | None) -> Order:
    return replace(order or Order(), status="CONFIRMED", paid=True, reserved=True)


def _after_cancelled(order: Order | None, event: Event[OrderCancelled], _cause: Event[Any] | None) -> Order:
    return replace(order or Order(), status="CANCELLED", reason=event.data.reason)


# The catalogue


def _after_listed(_entry: Entry | None, event: Event[ProductListed], _cause: Event[Any] | None) -> Entry:
    return Entry(event.data.name, event.data.price, event.millis)


def _after_priced(entry: Entry | None, event: Event[PriceChanged], _cause: Event[Any] | None) -> Entry:
    # The name is in an earlier month, if this is the month's first change. Nobody reads it here.
    return Entry(entry.name if entry else "", event.data.price, event.millis)


def _product(month: Entity[Entry]) -> tuple[str, Callable[[Entry | None], Entry]]:
    return product_key(sku_of(month.key)), partial(_after_changes, month)


def _after_changes(month: Entity[Entry], entry: Entry | None) -> Entry:
    """Return a product with the changes of a month that are later than its last change."""
    for event in month.outbox:
        if entry is None or event.millis > entry.changed:
            listed = event.head.type == ProductListed.__name__
            entry = (
                _after_listed(entry, event.read(ProductListed), None)
                if listed
                else _after_priced(entry, event.read(PriceChanged), None)
            )
    if entry is None:
        raise LookupError(f"{month.key} has no changes")
    return entry


recovery = Recovery(
    service=service,
    recalls=(
        recall(OrderPlaced, _after_placed),
        recall(OrderConfirmed, _after_confirmed),
        recall(OrderCancelled, _after_cancelled),
    ),
    kinds=(
        Recovery(
            service=catalogue,
            recalls=(recall(ProductListed, _after_listed), recall(PriceChanged, _after_priced)),
            derive=_product,
            keys=PRODUCT_MONTH,
        ),
    ),
)
