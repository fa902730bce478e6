"""What an order earns its customer: the order's entry in the ledger, and what it adds to the balance."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tidings.contracts import OrderCancelled, OrderConfirmed, PointsAwarded, PointsRevoked
from tidings.decisions import Adjust, Commit, Decision, Ignore
from tidings.events import Event
from tidings.item import Item
from tidings.money import MINOR_UNITS
from tidings.pages import entry

Status = Literal["awarded", "revoked", "forbidden"]

POINTS = "points"


class Earning(Struct, frozen=True, omit_defaults=True):
    """What an order has earned. `forbidden` is a tombstone: the order was off before it was confirmed."""

    status: Status
    customer: str = ""
    points: int = 0
    earned_at: str = ""


class LedgerEntry(Struct, frozen=True):
    """What the ledger shows of an order."""

    order: str
    points: int
    status: Status
    earned_at: str


def confirmed(item: Item[Earning], event: Event[OrderConfirmed], _: object) -> Decision[Earning]:
    """The order earns its points, unless it was off before."""
    if item.state is not None:
        return Ignore()
    order = event.data
    points = order.total.amount // 10 ** MINOR_UNITS.get(order.total.currency, 2)
    earning = Earning("awarded", order.customer, points, event.time)
    if points == 0:
        return Commit(earning)
    return Commit(earning, (PointsAwarded(customer=order.customer, points=points),), (_add(order.customer, points),))


def cancelled(item: Item[Earning], _event: Event[OrderCancelled], _: object) -> Decision[Earning]:
    """What it earned is taken back; the balance may fall below nothing, where the points are spent."""
    earning = item.state
    if earning is None:
        return Commit(Earning("forbidden"))
    if earning.status != "awarded":
        return Ignore()
    revoked = replace(earning, status="revoked")
    if earning.points == 0:
        return Commit(revoked)
    customer, points = earning.customer, earning.points
    return Commit(revoked, (PointsRevoked(customer=customer, points=points),), (_add(customer, -points),))


def ledger(item: Item[Earning]) -> Mapping[str, str]:
    """The attributes by which an order stands in its customer's ledger, newest first."""
    earning = item.state
    if earning is None or earning.status == "forbidden":
        return {}
    shown = LedgerEntry(item.order, earning.points, earning.status, earning.earned_at)
    return entry(earning.customer, f"{earning.earned_at}#{item.order}", shown)


def balance_key(customer: str) -> str:
    """The key of a customer's balance; an order's key is its id, which has no such sign."""
    return f"balance#{customer}"


def _add(customer: str, points: int) -> Adjust:
    return Adjust(balance_key(customer), {POINTS: points})
