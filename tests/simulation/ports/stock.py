"""The stock of products in inventory's table."""

from functions.inventory.handlers import stock_key
from functions.inventory.stock import Level
from tidings.testing import MemoryTable


class MemoryStock:
    """The stock, as `functions.inventory.stock.Stock` reads and sets it."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def read(self, sku: str) -> Level | None:
        numbers = self._table.numbers(stock_key(sku))
        return Level(numbers["available"], numbers["reserved"]) if numbers else None

    def set_on_hand(self, sku: str, on_hand: int) -> Level | None:
        found = self.read(sku)
        reserved = found.reserved if found else 0
        if reserved > on_hand:
            return None
        level = Level(on_hand - reserved, reserved)
        self._table.put_numbers(stock_key(sku), {"available": level.available, "reserved": level.reserved})
        return level
