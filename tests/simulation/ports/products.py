"""The products that the shop sells."""

from collections.abc import Sequence

from functions.orders.products import Product
from tidings.contracts import Money


class MemoryProducts:
    """What `functions.orders.products.Products` finds."""

    def __init__(self) -> None:
        self.prices: dict[str, int] = {}

    def find(self, skus: Sequence[str]) -> dict[str, Product]:
        return {sku: Product(sku, sku, Money(self.prices[sku], "EUR")) for sku in skus if sku in self.prices}
