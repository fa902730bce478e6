"""Payment: captures an order's money once, and gives it back when the order is off."""

from functions.payment import reactions
from tidings.contracts import OrderCancelled, OrderPlaced, PaymentCaptured, PaymentFailed, PaymentRefunded
from tidings.service import Service

service = Service(
    name="payment",
    state=reactions.Payment,
    announces=(PaymentCaptured, PaymentFailed, PaymentRefunded),
    reactions={OrderPlaced: reactions.charge, OrderCancelled: reactions.cancel},
    queue="fifo",
    acts_outside=True,
)
