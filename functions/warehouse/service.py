"""Warehouse: picks paid orders, dispatches them, and asks for the goods back if an order was cancelled."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.recipient import Destination
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from functions.warehouse import handlers
from tidings.core.service import Index, Service, on
from tidings.http.pagination import OWNER, RANK, SUMMARY

service = Service(
    name="warehouse",
    state=handlers.Shipment,
    announces=(OrderDispatched, ReturnRequested),
    handlers=(
        on(OrderConfirmed, handlers.on_order_confirmed, creates=True, reads_personal=True),
        on(PaymentCaptured, handlers.on_payment_captured),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    queue="fifo",
    concurrency=20,
    keeps=(Destination,),
    under_way=handlers.under_way,
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=handlers.to_pick),),
)
