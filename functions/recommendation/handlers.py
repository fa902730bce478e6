"""Frequently bought together: in how many confirmed orders each two products were together.

Every pair is counted in both directions, so that the products bought with one product are one partition, sorted by
their count in the table's index. Therefore a pair's count is one number and not sharded: an index sorts no sums.

An order of more than `MAX_PRODUCTS` different products is not counted. Its pairs grow with the square (fifty products
have 2,450), and say little about which products belong together. An order that is cancelled later stays counted: its
customer wanted these products together all the same.
"""

from hashlib import sha256
from itertools import permutations

from msgspec import Struct

from contracts.orders.order_confirmed import OrderConfirmed
from tidings.core.decisions import Decision, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.ports import MAX_ACTIONS
from tidings.core.strategy import Contribution, CounterKey, counter_partition

MAX_PRODUCTS = 10
"""The largest basket: its 90 pairs and the order's own item fit into one transaction; those of 11 products do not."""

if MAX_PRODUCTS * (MAX_PRODUCTS - 1) + 1 > MAX_ACTIONS:
    raise ValueError("the largest basket does not fit into a transaction")

RANK = "rank"
"""The number by which the index sorts: `ONE` for each order, plus a tie-breaker smaller than `ONE`."""

ONE = 2**64


class Basket(Struct, frozen=True, omit_defaults=True):
    """The different products of a confirmed order, sorted; empty if there are too many to count."""

    products: tuple[str, ...] = ()


def on_order_confirmed(entity: Entity[Basket], event: Event[OrderConfirmed]) -> Decision[Basket]:
    """Store which products were bought together."""
    if entity.state is not None:
        return Skip()
    products = tuple(sorted({line.sku for line in event.data.lines}))
    return Save(Basket(products if len(products) <= MAX_PRODUCTS else ()))


def contribution(basket: Basket) -> Contribution:
    """Count each two of the products once, in both directions."""
    return {CounterKey(group(product), other, RANK): ONE for product, other in permutations(basket.products, 2)}


def tie_breaker(counter: CounterKey) -> int:
    """Return a number below `ONE` that orders products of the same count, always the same and favouring no letter."""
    return int.from_bytes(sha256(counter.row.encode()).digest()[:8])


def group(product: str) -> str:
    """Return the group of the products that are bought with a product."""
    return f"with#{product}"


def bought_with(product: str) -> str:
    """Return the partition of the products that are bought with a product, the only one of its group."""
    return counter_partition(group(product), 0)
