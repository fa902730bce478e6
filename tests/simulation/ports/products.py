"""The catalogue of products."""

from collections.abc import Sequence

from contracts.values.money import Money
from functions.orders.products import Product


class MemoryProducts:
    """The products that `functions.orders.products.Products` finds."""

    def __init__(self) -> None:
        self.prices: dict[str, int] = {}

    def find(self, skus: Sequence[str]) -> dict[str, Product]:
        return {sku: Product(sku, sku, Money(self.prices[sku], "EUR")) for sku in skus if sku in self.prices}

    def refresh(self, skus: Sequence[str]) -> dict[str, Product]:
        return self.find(skus)
