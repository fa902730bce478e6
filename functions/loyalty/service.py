"""Loyalty: one point for every whole unit of currency that a confirmed order costs."""

from functions.loyalty import reactions
from tidings.contracts import OrderCancelled, OrderConfirmed, PointsAwarded, PointsRevoked
from tidings.pages import OWNER, RANK, SUMMARY
from tidings.service import Index, Service

service = Service(
    name="loyalty",
    state=reactions.Earning,
    announces=(PointsAwarded, PointsRevoked),
    reactions={OrderConfirmed: reactions.confirmed, OrderCancelled: reactions.cancelled},
    bets=frozenset({OrderConfirmed}),
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=reactions.ledger),),
)
