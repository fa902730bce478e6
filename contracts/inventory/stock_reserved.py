"""The contract of `StockReserved`."""

from contracts.values.goods import AllUnits
from contracts.values.order import OrderEvent


class StockReserved(OrderEvent, frozen=True, kw_only=True):
    """All the order's goods are reserved."""

    producer = "inventory"

    lines: AllUnits
