"""The contract of `StockReleased`."""

from contracts.values.goods import AllUnits
from contracts.values.order import OrderEvent


class StockReleased(OrderEvent, frozen=True, kw_only=True):
    """The reserved goods are available again."""

    producer = "inventory"

    lines: AllUnits
