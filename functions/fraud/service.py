"""Fraud: flags orders that cost too much, and paid orders of a customer that are too many or go to too many places."""

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_not_needed import PaymentNotNeeded
from functions.fraud import handlers
from tidings.core.service import Service, on

service = Service(
    name="fraud",
    state=handlers.Check,
    announces=(OrderFlagged,),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed, creates=True, reads_personal=True),
        on(PaymentAuthorized, handlers.on_payment_authorized),
        on(PaymentNotNeeded, handlers.on_payment_not_needed),
    ),
    concurrency=20,
    expires=True,
)
