"""Analytics: what is sold, a day and a product at a time."""

from functions.analytics import reactions
from tidings.contracts import OrderCancelled, OrderConfirmed, OrderPlaced
from tidings.ledger import SORT_KEY
from tidings.service import Batching, Service

service = Service(
    name="analytics",
    state=reactions.Sale,
    reactions={
        OrderPlaced: reactions.placed,
        OrderConfirmed: reactions.confirmed,
        OrderCancelled: reactions.cancelled,
    },
    bets=frozenset({OrderPlaced}),
    sort_key=SORT_KEY,
    batching=Batching(size=100, seconds=5),
)
