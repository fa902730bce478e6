"""Payment: captures an order's money once, and gives it back if the order is cancelled."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_refunded import PaymentRefunded
from functions.payment import handlers
from tidings.core.service import Service, on

service = Service(
    name="payment",
    state=handlers.Payment,
    announces=(PaymentCaptured, PaymentFailed, PaymentRefunded),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    queue="fifo",
    # They share the rate of calls that the gateway allows.
    concurrency=10,
    has_side_effects=True,
)
