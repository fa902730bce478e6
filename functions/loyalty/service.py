"""Loyalty: one point for every whole unit of currency that a confirmed order costs."""

from contracts.loyalty.points_awarded import PointsAwarded
from contracts.loyalty.points_revoked import PointsRevoked
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from functions.loyalty import handlers
from tidings.core.service import Index, Service, on
from tidings.http.pagination import OWNER, RANK, SUMMARY

service = Service(
    name="loyalty",
    state=handlers.Earning,
    announces=(PointsAwarded, PointsRevoked),
    handlers=(
        on(OrderConfirmed, handlers.on_order_confirmed, creates=True),
        on(OrderCancelled, handlers.on_order_cancelled),
    ),
    concurrency=20,
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=handlers.points_entry),),
    in_exports=True,
)
