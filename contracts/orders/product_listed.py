"""The contract of `ProductListed`."""

from contracts.values.money import Money
from contracts.values.product import ProductEvent
from contracts.values.text import PlainLine


class ProductListed(ProductEvent, frozen=True, kw_only=True):
    """A product is new in the catalogue, or has another name. `price` is the price of one unit.

    Of several changes the latest by (time, id) holds.
    """

    producer = "orders"

    name: PlainLine
    price: Money
