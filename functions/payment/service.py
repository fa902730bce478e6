"""Payment: authorizes an order's total, captures it when the order is confirmed, and undoes it when it is cancelled."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_processing import PaymentProcessing
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.payment.refund_settled import RefundSettled
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from functions.payment import check, handlers
from functions.payment.reports import PaymentReported, UnaddressedReport
from functions.payment.state import Payment, due_of, under_way
from tidings.core.pending import pending_index
from tidings.core.service import Service, on

service = Service(
    name="payment",
    state=Payment,
    announces=(
        PaymentActionRequired,
        PaymentProcessing,
        PaymentAuthorized,
        PaymentNotNeeded,
        PaymentCaptured,
        PaymentFailed,
        PaymentVoided,
        RefundRequested,
        PaymentRefunded,
        RefundFailed,
        RefundSettled,
        PaymentDisputed,
        DisputeClosed,
        UnexpectedPaymentFound,
    ),
    handlers=(
        on(OrderPlaced, handlers.on_order_placed),
        on(OrderConfirmed, handlers.on_order_confirmed),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    external_handlers=(
        on(PaymentReported, check.on_payment_reported),
        on(UnaddressedReport, check.on_unaddressed_report),
    ),
    queue="fifo",
    # They share the rate of calls that the gateway allows.
    concurrency=10,
    has_side_effects=True,
    indexes=(pending_index(due_of),),
    under_way=under_way,
)
