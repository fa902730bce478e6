"""The contract of `OrderCancelled`."""

from typing import Literal

from contracts.values.order import OrderEvent
from contracts.values.text import Text

CancellationReason = Literal["payment_failed", "out_of_stock", "fraud", "customer", "operator", "timeout"]
"""Why an order was cancelled. `customer` and `operator` say who asked for it."""


class OrderCancelled(OrderEvent, frozen=True, kw_only=True):
    """The order is cancelled. `detail` adds to the reason."""

    producer = "orders"

    reason: CancellationReason
    detail: Text = ""
