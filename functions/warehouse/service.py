"""Warehouse: picks what is confirmed, sends it off, and asks for it back where the order was off by then."""

from functions.warehouse import reactions
from tidings.contracts import OrderCancelled, OrderConfirmed, OrderDispatched, ReturnRequested
from tidings.pages import OWNER, RANK, SUMMARY
from tidings.service import Index, Service

service = Service(
    name="warehouse",
    state=reactions.Shipment,
    announces=(OrderDispatched, ReturnRequested),
    reactions={OrderConfirmed: reactions.confirmed, OrderCancelled: reactions.cancelled},
    bets=frozenset({OrderConfirmed}),
    queue="fifo",
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=reactions.to_pick),),
)
