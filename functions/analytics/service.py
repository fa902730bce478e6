"""Analytics: sales by day and product."""

from datetime import UTC, tzinfo

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from functions.analytics.handlers import SHARDS, Sale, SaleHandlers, contribution
from tidings.core.service import Service, on
from tidings.core.strategy import Batch, Projection


def service_in(zone: tzinfo) -> Service[Sale]:
    """Return the service of a shop in a time zone, which decides the days of its figures and nothing else."""
    handlers = SaleHandlers(zone)
    return Service(
        name="analytics",
        state=Sale,
        handlers=(
            on(OrderPlaced, handlers.on_order_placed, creates=True),
            on(OrderConfirmed, handlers.on_order_confirmed),
            on(OrderCancelled, handlers.on_order_cancelled),
        ),
        strategy=Projection(contribution=contribution, shards=SHARDS, batch=Batch(size=100, seconds=5)),
        concurrency=20,
        rebuildable=True,
    )


service = service_in(UTC)
