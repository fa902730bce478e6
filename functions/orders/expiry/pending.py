"""The index of pending orders."""

from functions.orders.handlers import Order, existing, placed
from tidings.core.entity import Entity
from tidings.core.pending import pending_index


def pending_since(entity: Entity[Order]) -> str:
    """Return the time the order was placed while it is pending; "" if it is not."""
    return placed(entity).time if existing(entity).status == "PENDING" else ""


INDEX = pending_index(pending_since)
