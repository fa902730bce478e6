"""Notification: writes to the customer, one e-mail of each kind per order."""

from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.recipient import Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.notification import handlers
from functions.notification.bounces import EmailBounced
from tidings.core.service import Service, on

service = Service(
    name="notification",
    state=handlers.Mailbox,
    announces=(EmailSent, EmailFailed),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed, creates=True, reads_personal=True),
        on(OrderConfirmed, handlers.on_order_confirmed),
        on(PaymentCaptured, handlers.on_payment_captured),
        on(OrderCancelled, handlers.on_order_cancelled),
        on(OrderDispatched, handlers.on_order_dispatched),
    ),
    external_handlers=(on(EmailBounced, handlers.on_email_bounced),),
    # They share the rate of e-mails that the mail system allows.
    concurrency=2,
    # The counts of each customer's e-mails.
    expires=True,
    has_side_effects=True,
    keeps=(Recipient,),
    under_way=handlers.under_way,
)
