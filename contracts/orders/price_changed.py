"""The contract of `PriceChanged`."""

from contracts.values.money import Money
from contracts.values.product import ProductEvent


class PriceChanged(ProductEvent, frozen=True, kw_only=True):
    """One unit of a product costs another price from now on. Orders placed before keep their price.

    Of several changes the latest by (time, id) holds.
    """

    producer = "orders"

    price: Money
