"""The contract of `PointsAwarded`."""

from contracts.values.order import OrderEvent
from contracts.values.points import Points
from contracts.values.text import Id


class PointsAwarded(OrderEvent, frozen=True, kw_only=True):
    """The order earned its customer points."""

    producer = "loyalty"

    customer: Id
    points: Points
