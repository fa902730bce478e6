"""The contract of `StockAdjusted`."""

from typing import Annotated

from msgspec import Meta

from contracts.values.goods import MAX_UNITS
from contracts.values.product import ProductEvent


class StockAdjusted(ProductEvent, frozen=True, kw_only=True):
    """An operator set the units of a product that are on hand, after a count or a delivery.

    `difference` is what that added to the units on hand; it is negative if some were missing. Orders are shipped
    meanwhile, so only differences add up. `on_hand` is what the operator set, with the units that orders reserve.
    """

    producer = "inventory"

    # Goods that come back may raise what is on hand above the maximum that can be set.
    difference: Annotated[int, Meta(ge=-2 * MAX_UNITS, le=MAX_UNITS)]
    on_hand: Annotated[int, Meta(ge=0, le=MAX_UNITS)]
