"""The contract of `PointsRevoked`."""

from contracts.values.order import OrderEvent
from contracts.values.points import Points
from contracts.values.text import Id


class PointsRevoked(OrderEvent, frozen=True, kw_only=True):
    """The points that the order earned are revoked."""

    producer = "loyalty"

    customer: Id
    points: Points
