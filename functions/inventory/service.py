"""Inventory: reserves an order's goods, all of them or none, and never more than are available."""

from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.inventory import handlers
from functions.inventory.adjustments import adjustments
from tidings.core.service import Service, on
from tidings.core.strategy import Batch, Batched

service = Service(
    name="inventory",
    state=handlers.Holding,
    announces=(StockReserved, StockRejected, StockReleased, *adjustments.announces),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed, creates=True),
        on(OrderCancelled, handlers.on_order_cancelled),
        on(OrderDispatched, handlers.on_order_dispatched),
    ),
    # With the one product that they all may increment they fill a transaction of 100 items.
    strategy=Batched(batch=Batch(size=99, seconds=1)),
    concurrency=10,
    kinds=(adjustments,),
)
