"""Fraud: looks for orders that come too fast, cost too much, or share an address, and flags them."""

from functions.fraud import reactions
from tidings.contracts import OrderFlagged, OrderPlaced
from tidings.service import Service

service = Service(
    name="fraud",
    state=reactions.Finding,
    announces=(OrderFlagged,),
    reactions={OrderPlaced: reactions.placed},
    bets=frozenset({OrderPlaced}),
)
