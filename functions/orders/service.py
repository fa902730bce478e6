"""Orders: takes orders, and decides from payment, stock and the others' events what becomes of them."""

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.recipient import Destination, Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.orders import handlers
from functions.orders.catalogue import catalogue
from functions.orders.expiry import pending
from tidings.core.service import Index, Service, on
from tidings.http.pagination import OWNER, RANK, SUMMARY

service = Service(
    name="orders",
    state=handlers.Order,
    announces=(OrderPlaced, OrderConfirmed, OrderCancelled, *catalogue.announces),
    handlers=(
        on(PaymentActionRequired, handlers.on_payment_action_required),
        on(PaymentAuthorized, handlers.on_payment_authorized),
        on(PaymentNotNeeded, handlers.on_payment_not_needed),
        on(PaymentFailed, handlers.on_payment_failed),
        on(PaymentDisputed, handlers.on_payment_disputed),
        on(DisputeClosed, handlers.on_dispute_closed),
        on(StockReserved, handlers.on_stock_reserved),
        on(StockRejected, handlers.on_stock_rejected),
        on(OrderFlagged, handlers.on_order_flagged),
        on(OrderDispatched, handlers.on_order_dispatched),
    ),
    concurrency=50,
    keeps=(Recipient, Destination),
    under_way=handlers.under_way,
    list_of=handlers.customers_list,
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=handlers.listing), pending.INDEX),
    kinds=(catalogue,),
)
