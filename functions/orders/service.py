"""Orders: takes orders, and decides what becomes of them on what payment, stock and the others announce."""

from functions.orders import pending, reactions
from tidings.contracts import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderFlagged,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    StockRejected,
    StockReserved,
)
from tidings.pages import OWNER, RANK, SUMMARY
from tidings.service import Index, Service

service = Service(
    name="orders",
    state=reactions.Order,
    announces=(OrderPlaced, OrderConfirmed, OrderCancelled),
    reactions={
        PaymentCaptured: reactions.payment_captured,
        PaymentFailed: reactions.payment_failed,
        StockReserved: reactions.stock_reserved,
        StockRejected: reactions.stock_rejected,
        OrderFlagged: reactions.flagged,
        OrderDispatched: reactions.dispatched,
    },
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=reactions.listing), pending.INDEX),
)
