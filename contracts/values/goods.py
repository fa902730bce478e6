"""Products and quantities."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.money import Money

Sku = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="A SKU is 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit",
    ),
]
Quantity = Annotated[int, Meta(ge=1, le=1000)]

MAX_UNITS = 10**9
"""Maximum number of units of a product that are on hand."""

MAX_LINES = 48
"""Maximum number of lines of an order.

A projection counts an order in one row for the day and one for each line. A change that moves an order to another day
touches the rows of both days, 2 × 49. With the order they fit into one transaction of 100 items.
"""


class OrderLine(Struct, frozen=True):
    """A quantity of one product. `price` is the price of one unit."""

    sku: Sku
    quantity: Quantity
    price: Money


class Units(Struct, frozen=True):
    """A quantity of one product, without its price."""

    sku: Sku
    quantity: Quantity


class Shortage(Struct, frozen=True):
    """A product that could not be reserved, with the requested and the available quantity."""

    sku: Sku
    requested: Quantity
    available: Annotated[int, Meta(ge=0, le=MAX_UNITS)]


Lines = Annotated[tuple[OrderLine, ...], Meta(min_length=1, max_length=MAX_LINES)]
AllUnits = Annotated[tuple[Units, ...], Meta(max_length=MAX_LINES)]
