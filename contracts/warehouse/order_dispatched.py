"""The contract of `OrderDispatched`."""

from contracts.values.order import OrderEvent
from contracts.values.text import Text


class OrderDispatched(OrderEvent, frozen=True, kw_only=True):
    """The goods left the warehouse."""

    producer = "warehouse"

    tracking: Text = ""
