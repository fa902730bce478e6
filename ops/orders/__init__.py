"""Orders: placing, approving, showing, cancelling and expiring them. Commands `orders …` and `timeline`."""

from ops.orders.approval import decide_approval
from ops.orders.client import RefusedError, ShopClient, order_request
from ops.orders.timeline import timeline_table

__all__ = ["RefusedError", "ShopClient", "decide_approval", "order_request", "timeline_table"]
