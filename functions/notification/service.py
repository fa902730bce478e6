"""Notification: writes to the customer, one e-mail of each kind an order."""

from functions.notification import reactions
from functions.notification.bounces import EmailBounced
from tidings.contracts import (
    EmailFailed,
    OrderCancelled,
    OrderDispatched,
    OrderPlaced,
    PaymentCaptured,
    ReceiptSent,
)
from tidings.service import Service

service = Service(
    name="notification",
    state=reactions.Mailbox,
    announces=(ReceiptSent, EmailFailed),
    reactions={
        OrderPlaced: reactions.placed,
        PaymentCaptured: reactions.captured,
        OrderCancelled: reactions.cancelled,
        OrderDispatched: reactions.dispatched,
    },
    outside={EmailBounced: reactions.bounced},
    bets=frozenset({OrderPlaced}),
    acts_outside=True,
)
