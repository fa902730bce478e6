"""Payment: authorizes an order's total, captures it when the order is confirmed, and undoes it when it is cancelled."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from functions.payment import handlers
from functions.payment.refunds import pending
from tidings.core.service import Service, on

service = Service(
    name="payment",
    state=handlers.Payment,
    announces=(
        PaymentAuthorized,
        PaymentNotNeeded,
        PaymentCaptured,
        PaymentFailed,
        PaymentVoided,
        PaymentRefunded,
        RefundFailed,
    ),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed),
        on(OrderConfirmed, handlers.on_order_confirmed),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    queue="fifo",
    # They share the rate of calls that the gateway allows.
    concurrency=10,
    has_side_effects=True,
    indexes=(pending.INDEX,),
)
