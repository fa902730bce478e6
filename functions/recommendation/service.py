"""Recommendation: products that are frequently bought together."""

from contracts.orders.order_confirmed import OrderConfirmed
from functions.recommendation import handlers
from tidings.core.service import Index, Service, on
from tidings.core.strategy import Batch, Projection

service = Service(
    name="recommendation",
    state=handlers.Basket,
    handlers=(on(OrderConfirmed, handlers.on_order_confirmed, creates=True),),
    strategy=Projection(
        contribution=handlers.contribution, start=handlers.tie_breaker, batch=Batch(size=100, seconds=5)
    ),
    # Consumers that count the same pair conflict, because pairs are not sharded: few large batches count more pairs a
    # second than many small ones.
    concurrency=2,
    rebuildable=True,
    indexes=(Index(partition="pk", sort=handlers.RANK, numeric=True),),
)
