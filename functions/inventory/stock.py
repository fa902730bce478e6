"""The stock of products, in inventory's own table."""

from functions.inventory.adjustments import Level
from functions.inventory.handlers import stock_key
from tidings.core.ports import NumberTable


class Stock:
    """The stock of all products."""

    def __init__(self, table: NumberTable) -> None:
        self._table = table

    def read(self, sku: str) -> Level | None:
        """Return a product's stock, or None if it was never set."""
        return Level.of(self._table.numbers(stock_key(sku)))
