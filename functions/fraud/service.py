"""Fraud: looks for orders that come too fast, cost too much or share an address, and flags them."""

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from functions.fraud import handlers
from tidings.core.service import Service, on

service = Service(
    name="fraud",
    state=handlers.Finding,
    announces=(OrderFlagged,),
    handlers=(on(OrderPlaced, handlers.on_order_placed, creates=True),),
)
