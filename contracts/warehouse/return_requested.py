"""The contract of `ReturnRequested`."""

from contracts.values.goods import AllUnits
from contracts.values.order import OrderEvent


class ReturnRequested(OrderEvent, frozen=True, kw_only=True):
    """Dispatched goods must come back, because the order is cancelled."""

    producer = "warehouse"

    lines: AllUnits
