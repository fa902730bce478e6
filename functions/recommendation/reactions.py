"""What is bought together: in how many confirmed orders each two products stood side by side.

Every pair is counted in both directions, so that a product's partners are one partition, sorted by their count in
the table's index. Therefore a pair's count is one number and not sharded: an index sorts no sums.

An order of more than `MOST_PRODUCTS` different products is not counted. Its pairs grow with the square (fifty
products have 2,450), and tell little of what goes with what. An order that is cancelled later stays counted: its
customer wanted these things together all the same.
"""

from hashlib import sha256
from itertools import permutations

from msgspec import Struct

from tidings.contracts import OrderConfirmed
from tidings.decisions import Commit, Decision, Ignore
from tidings.events import Event
from tidings.fold import Cell, Counting, Share
from tidings.item import Item
from tidings.ledger import partition
from tidings.table import MAX_ACTIONS

MOST_PRODUCTS = 10
"""The largest basket: its 90 pairs and the order's own item fit into one transaction; those of 11 products do not."""

if MOST_PRODUCTS * (MOST_PRODUCTS - 1) + 1 > MAX_ACTIONS:
    raise ValueError("the largest basket does not fit into a transaction")

RANK = "rank"
"""The number that a product's partners are sorted by: `ONE` for each order, and less than `ONE` to break ties."""

ONE = 2**64


class Basket(Struct, frozen=True, omit_defaults=True):
    """The different products of a confirmed order, sorted; none where there are too many to count."""

    products: tuple[str, ...] = ()


def confirmed(item: Item[Basket], event: Event[OrderConfirmed], _: object) -> Decision[Basket]:
    """The order's products were bought together."""
    if item.state is not None:
        return Ignore()
    products = tuple(sorted({line.sku for line in event.data.lines}))
    return Commit(Basket(products if len(products) <= MOST_PRODUCTS else ()))


def share(basket: Basket) -> Share:
    """One more for each two of the products, in both directions."""
    return {Cell(group(product), partner, RANK): ONE for product, partner in permutations(basket.products, 2)}


def tie(cell: Cell) -> int:
    """What a partner has ahead of another of the same count: always the same, and without favour for any letter."""
    return int.from_bytes(sha256(cell.row.encode()).digest()[:8])


counting = Counting(share, start=tie)


def group(product: str) -> str:
    """The group of a product's partners."""
    return f"with#{product}"


def partners(product: str) -> str:
    """The partition of a product's partners, which is the only one of its group."""
    return partition(group(product), 0)
