"""What an order counts for in the figures of sales, decided on what is known of it, whatever came first.

An event counts for the day of its own `time`, in UTC. Orders placed, confirmed and cancelled are counted each on the
day that it happened. Revenue and units are those of orders that are confirmed and not cancelled, on the day of the
confirmation: when such an order is cancelled, on whatever day, they are taken off that same day again, and an order
whose cancellation is known first never adds any. Revenue is the sum of the lines' prices, in minor units of each
currency by itself.

Each order counts once for the whole day, and once for each of its products. A cancellation that comes before what
was ordered is known counts for the day at once, and for the products when they are known.
"""

from collections import Counter

from msgspec import Struct
from msgspec.structs import replace

from tidings.clock import rfc3339
from tidings.contracts import OrderCancelled, OrderConfirmed, OrderLine, OrderPlaced
from tidings.decisions import Commit, Decision
from tidings.events import Event
from tidings.fold import Cell, Counting, Share
from tidings.item import Item

SHARDS = 8
"""Among how many rows a number of one day and product is spread; fewer than are in use would leave some uncounted."""

PLACED, CONFIRMED, UNITS = "placed", "confirmed", "units"
CANCELLED, REVENUE = "cancelled_", "revenue_"
"""What a reason or a currency follows in the name of a number."""

WHOLE_DAY = ""
"""Stands in the place of the product in the row of a day's own numbers."""


class Sale(Struct, frozen=True, omit_defaults=True):
    """What is known of an order: when each of these things happened (empty: not heard of), and what was ordered.

    Should an order be told of twice, by two events, the earlier one counts.
    """

    lines: tuple[OrderLine, ...] = ()
    placed: str = ""
    confirmed: str = ""
    cancelled: str = ""
    reason: str = ""


def placed(item: Item[Sale], event: Event[OrderPlaced], _: object) -> Decision[Sale]:
    """The order is placed, and what it holds is known."""
    sale, at = item.state or Sale(), rfc3339(event.millis)
    if _came_before(sale.placed, at):
        return Commit(sale)
    return Commit(replace(sale, placed=at, lines=event.data.lines))


def confirmed(item: Item[Sale], event: Event[OrderConfirmed], _: object) -> Decision[Sale]:
    """The order is sold. It says what it holds, too; where both say so, what was placed is taken."""
    sale, at = item.state or Sale(), rfc3339(event.millis)
    if _came_before(sale.confirmed, at):
        return Commit(sale)
    return Commit(replace(sale, confirmed=at, lines=sale.lines if sale.placed else event.data.lines))


def cancelled(item: Item[Sale], event: Event[OrderCancelled], _: object) -> Decision[Sale]:
    """The order is off."""
    sale, at = item.state or Sale(), rfc3339(event.millis)
    if _came_before(sale.cancelled, at):
        return Commit(sale)
    return Commit(replace(sale, cancelled=at, reason=event.data.reason))


def _came_before(known: str, at: str) -> bool:
    return bool(known) and known <= at


def share(sale: Sale) -> Share:
    """What an order counts for, by day and product."""
    counts: Counter[Cell] = Counter()
    products = {WHOLE_DAY, *(line.sku for line in sale.lines)}
    happened = {PLACED: sale.placed, CONFIRMED: sale.confirmed, CANCELLED + sale.reason: sale.cancelled}
    for name, at in happened.items():
        if at:
            counts.update(_cell(at, product, name) for product in products)
    if sale.confirmed and not sale.cancelled:
        for line in sale.lines:
            for product in (WHOLE_DAY, line.sku):
                counts[_cell(sale.confirmed, product, UNITS)] += line.quantity
                revenue = line.quantity * line.price.amount
                counts[_cell(sale.confirmed, product, REVENUE + line.price.currency)] += revenue
    return counts


counting = Counting(share, shards=SHARDS)


def month(day: str) -> str:
    """The group of rows that a day's (`2026-01-31`) stand in: a month's, so that a range is read in few queries."""
    return f"sales#{day[:7]}"


def row(day: str, product: str) -> str:
    """The row of a day and a product."""
    return f"{day}#{product}"


def _cell(at: str, product: str, name: str) -> Cell:
    day = at[:10]
    return Cell(month(day), row(day, product), name)
