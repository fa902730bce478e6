"""Inventory: puts an order's goods aside, all of them or none, and never more than there are."""

from functions.inventory import reactions
from tidings.contracts import (
    OrderCancelled,
    OrderDispatched,
    OrderPlaced,
    StockRejected,
    StockReleased,
    StockReserved,
)
from tidings.service import Batching, Service

service = Service(
    name="inventory",
    state=reactions.Holding,
    announces=(StockReserved, StockRejected, StockReleased),
    reactions={
        OrderPlaced: reactions.placed,
        OrderCancelled: reactions.cancelled,
        OrderDispatched: reactions.dispatched,
    },
    bets=frozenset({OrderPlaced}),
    # With the one product that they may all ask for they fill a transaction, whose limit is 100 items.
    batching=Batching(size=99, seconds=1, consumers=10),
)
