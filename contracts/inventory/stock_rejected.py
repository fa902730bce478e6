"""The contract of `StockRejected`."""

from typing import Annotated

from msgspec import Meta

from contracts.values.goods import MAX_LINES, Shortage
from contracts.values.order import OrderEvent


class StockRejected(OrderEvent, frozen=True, kw_only=True):
    """Nothing was reserved, because these goods are short."""

    producer = "inventory"

    short: Annotated[tuple[Shortage, ...], Meta(min_length=1, max_length=MAX_LINES)]
