"""Recommendation: what is bought together."""

from functions.recommendation import reactions
from tidings.contracts import OrderConfirmed
from tidings.ledger import SORT_KEY
from tidings.service import Batching, Index, Service

service = Service(
    name="recommendation",
    state=reactions.Basket,
    reactions={OrderConfirmed: reactions.confirmed},
    bets=frozenset({OrderConfirmed}),
    sort_key=SORT_KEY,
    indexes=(Index(partition="pk", sort=reactions.RANK, numeric=True),),
    # Two consumers that count the same pair stand in each other's way, since pairs are not sharded: few large batches
    # count more in a second than many small ones.
    batching=Batching(size=100, seconds=5, consumers=2),
)
