"""Analytics: sales by day and product."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from functions.analytics import handlers
from tidings.core.service import Service, on
from tidings.core.strategy import Batch, Projection

service = Service(
    name="analytics",
    state=handlers.Sale,
    handlers=(
        on(OrderPlaced, handlers.on_order_placed, creates=True),
        on(OrderConfirmed, handlers.on_order_confirmed),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    strategy=Projection(contribution=handlers.contribution, shards=handlers.SHARDS, batch=Batch(size=100, seconds=5)),
    concurrency=20,
    rebuildable=True,
)
