"""The adjustments of a product's stock by operators: one entity for each product and month.

The stock itself is an item with numbers, which orders' reservations increment too. So an adjustment adds a difference
to it, in the transaction that announces the difference.
"""

from functools import partial
from typing import Protocol

from msgspec import Struct

from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.values.product import PRODUCT_MONTH
from functions.inventory.handlers import stock_key
from tidings.core.decisions import ConditionFailed, Decision, Increment, Numbers, Perform, Reject, Save, Skip
from tidings.core.entity import Entity
from tidings.core.service import Service

FIRST_REVISION = 10**9
"""The revision of a stock that was never adjusted. Each adjustment subtracts 1, so no revision comes again."""


class Level(Struct, frozen=True):
    """The units of a product.

    A reservation makes available units reserved ones, and leaves their sum, the units on hand, as it is.

    Attributes:
        available: The units that orders can reserve.
        reserved: The units that are reserved for orders.
        revision: A number that falls with each adjustment, and with nothing else.
    """

    available: int
    reserved: int
    revision: int = FIRST_REVISION

    @property
    def on_hand(self) -> int:
        """The units that are in the warehouse."""
        return self.available + self.reserved

    @classmethod
    def of(cls, numbers: Numbers) -> "Level | None":
        """Return the level in the numbers of a product's item; None if its stock was never set."""
        if not numbers:
            return None
        return cls(numbers["available"], numbers["reserved"], numbers.get("revision", FIRST_REVISION))


class StockReader(Protocol):
    """The stock of all products."""

    def read(self, sku: str) -> Level | None:
        """Return a product's stock, or None if it was never set."""


class ReadLevel(Struct, frozen=True):
    """The request to read a product's stock."""

    sku: str

    def perform(self, stock: StockReader) -> Level | None:
        """Read the stock."""
        return stock.read(self.sku)


class Adjustments(Struct, frozen=True, omit_defaults=True):
    """The adjustments of a product's stock in one month. `difference` is their sum."""

    difference: int = 0


def set_on_hand(_entity: Entity[Adjustments], sku: str, on_hand: int) -> Decision[Adjustments]:
    """Set the units of a product that are on hand. Nothing changes if they are on hand already.

    It is refused if more units are reserved for orders.
    """
    return Perform(ReadLevel(sku), partial(_adjust, sku, on_hand))


def _adjust(sku: str, on_hand: int, entity: Entity[Adjustments], level: Level | None) -> Decision[Adjustments]:
    if level and level.on_hand == on_hand:
        return Skip()
    found = level or Level(0, 0)
    if on_hand < found.reserved:
        return Reject("reserved", f"{found.reserved} units are reserved for orders.")
    difference = on_hand - found.on_hand
    sums = entity.state or Adjustments()
    return Save(
        Adjustments(sums.difference + difference),
        announce=(StockAdjusted(difference=difference, on_hand=on_hand),),
        increments=(_increment(sku, difference, found.revision),),
        otherwise=partial(_adjust_again, sku, on_hand),
    )


def _adjust_again(
    sku: str, on_hand: int, entity: Entity[Adjustments], failed: ConditionFailed
) -> Decision[Adjustments]:
    """Decide again on the stock that was found: it was adjusted, or reserved for orders meanwhile."""
    ((_, numbers),) = failed.failures
    return _adjust(sku, on_hand, entity, Level.of(numbers or {}))


def _increment(sku: str, difference: int, revision: int) -> Increment:
    """Return the increment of a product's stock, if it has this revision."""
    # The revision only falls, so a minimum of it recognizes the one that was read. Two operators who count at the same
    # time would otherwise both add the difference from what they have read, even in two months.
    at_least = {"revision": revision}
    if difference < 0:
        at_least["available"] = -difference
    return Increment(
        stock_key(sku),
        add={"available": difference, "reserved": 0, "revision": -1},
        at_least=at_least,
        start={"revision": FIRST_REVISION},
    )


adjustments = Service(
    name="inventory",
    state=Adjustments,
    announces=(StockAdjusted,),
    keys=PRODUCT_MONTH,
)
