"""The contract of `OrderFlagged`."""

from typing import Annotated

from msgspec import Meta

from contracts.values.order import OrderEvent
from contracts.values.text import Code


class OrderFlagged(OrderEvent, frozen=True, kw_only=True):
    """The order breaks these fraud rules."""

    producer = "fraud"

    rules: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=20)]
