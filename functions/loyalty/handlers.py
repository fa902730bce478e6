"""The points that an order earns its customer: the order's entry, and its increment of the balance."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.loyalty.points_awarded import PointsAwarded
from contracts.loyalty.points_revoked import PointsRevoked
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.values.money import DECIMALS
from tidings.core.decisions import Decision, Increment, Save, Skip
from tidings.core.entity import Entity, reserved_key
from tidings.core.event import Event
from tidings.http.pagination import list_entry

Status = Literal["awarded", "revoked", "forbidden"]

POINTS = "points"


class Earning(Struct, frozen=True, omit_defaults=True):
    """The points of an order. `forbidden` is a tombstone: the order was cancelled before it was confirmed."""

    status: Status
    customer: str = ""
    points: int = 0
    earned_at: str = ""


class PointsEntry(Struct, frozen=True):
    """An order in its customer's list of points."""

    order: str
    points: int
    status: Status
    earned_at: str


def on_order_confirmed(entity: Entity[Earning], event: Event[OrderConfirmed]) -> Decision[Earning]:
    """Award the order's points, unless it was cancelled before."""
    if entity.state is not None:
        return Skip()
    order = event.data
    points = order.total.amount // 10 ** DECIMALS[order.total.currency]
    earning = Earning("awarded", order.customer, points, event.time)
    if points == 0:
        return Save(earning)
    return Save(earning, (PointsAwarded(customer=order.customer, points=points),), (_add(order.customer, points),))


def on_order_cancelled(entity: Entity[Earning], _event: Event[OrderCancelled]) -> Decision[Earning]:
    """Revoke the order's points. The balance becomes negative if they are spent."""
    earning = entity.state
    if earning is None:
        return Save(Earning("forbidden"))
    if earning.status != "awarded":
        return Skip()
    revoked = replace(earning, status="revoked")
    if earning.points == 0:
        return Save(revoked)
    customer, points = earning.customer, earning.points
    return Save(revoked, (PointsRevoked(customer=customer, points=points),), (_add(customer, -points),))


def points_entry(entity: Entity[Earning]) -> Mapping[str, str]:
    """Return the attributes by which an order is in its customer's list of points."""
    earning = entity.state
    if earning is None or earning.status == "forbidden":
        return {}
    entry = PointsEntry(entity.key, earning.points, earning.status, earning.earned_at)
    return list_entry(earning.customer, f"{earning.earned_at}#{entity.key}", entry)


def balance_key(customer: str) -> str:
    """Return the key of a customer's balance in loyalty's table."""
    return reserved_key("balance", customer)


def _add(customer: str, points: int) -> Increment:
    return Increment(balance_key(customer), {POINTS: points})
