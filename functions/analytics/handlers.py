"""The contribution of an order to the figures of sales, decided by what is known of it, in whatever order it arrived.

An event counts on the day of its `time` in the shop's time zone. Orders placed, confirmed and cancelled are counted
each on the day that it happened. Revenue and units are those of orders that are confirmed and not cancelled, on the day
of the confirmation: when such an order is cancelled, on whatever day, they are subtracted on that same day, and an
order whose cancellation is known first never adds any. Revenue is the sum of the lines' prices, in minor units of each
currency.

An order's state holds local times, so that its contribution does not depend on the time zone. After a change of the
zone the orders that are known keep their days until the figures are rebuilt.

Each order counts once for the whole day, and once for each of its products. A cancellation that arrives before it is
known what was ordered counts for the day at once, and for the products when they are known.
"""

from collections import Counter
from datetime import datetime, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import OrderLine
from tidings.core.clock import parse_any_rfc3339
from tidings.core.decisions import Decision, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.strategy import Contribution, CounterKey

SHARDS = 8
"""Rows among which a number of one day and product is spread. With fewer rows than are in use some stay uncounted."""

PLACED, CONFIRMED, UNITS = "placed", "confirmed", "units"
CANCELLED, REVENUE = "cancelled_", "revenue_"
"""The prefix of a number's name, before the reason or the currency."""

WHOLE_DAY = ""
"""The product in the row of a day's own numbers."""


class Sale(Struct, frozen=True, omit_defaults=True):
    """An order: when each of these things happened (empty: not known yet), and what was ordered.

    Times are in the shop's time zone: `2026-03-29T03:00:00.000+02:00`. If two events say the same of an order, the
    earlier one counts.
    """

    lines: tuple[OrderLine, ...] = ()
    placed: str = ""
    confirmed: str = ""
    cancelled: str = ""
    reason: str = ""


class SaleHandlers(Struct, frozen=True):
    """The event handlers of a shop in one time zone."""

    zone: tzinfo

    def on_order_placed(self, entity: Entity[Sale], event: Event[OrderPlaced]) -> Decision[Sale]:
        """Store when the order was placed, and what was ordered."""
        sale = entity.state or Sale()
        if _is_earlier(sale.placed, event.millis):
            return Save(sale)
        return Save(replace(sale, placed=self._local(event.millis), lines=event.data.lines))

    def on_order_confirmed(self, entity: Entity[Sale], event: Event[OrderConfirmed]) -> Decision[Sale]:
        """Store when the order was confirmed. Its lines count only if the order's placing is not known."""
        sale = entity.state or Sale()
        if _is_earlier(sale.confirmed, event.millis):
            return Save(sale)
        lines = sale.lines if sale.placed else event.data.lines
        return Save(replace(sale, confirmed=self._local(event.millis), lines=lines))

    def on_order_cancelled(self, entity: Entity[Sale], event: Event[OrderCancelled]) -> Decision[Sale]:
        """Store when and why the order was cancelled."""
        sale = entity.state or Sale()
        if _is_earlier(sale.cancelled, event.millis):
            return Save(sale)
        return Save(replace(sale, cancelled=self._local(event.millis), reason=event.data.reason))

    def _local(self, millis: int) -> str:
        seconds, fraction = divmod(millis, 1000)
        local = datetime.fromtimestamp(seconds, self.zone).replace(microsecond=fraction * 1000)
        return local.isoformat(timespec="milliseconds")


def _is_earlier(known: str, millis: int) -> bool:
    return bool(known) and parse_any_rfc3339(known) <= millis


def contribution(sale: Sale) -> Contribution:
    """Return what an order adds to the figures, by day and product."""
    counts: Counter[CounterKey] = Counter()
    products = {WHOLE_DAY, *(line.sku for line in sale.lines)}
    happened = {PLACED: sale.placed, CONFIRMED: sale.confirmed, CANCELLED + sale.reason: sale.cancelled}
    for name, at in happened.items():
        if at:
            counts.update(_counter(at, product, name) for product in products)
    if sale.confirmed and not sale.cancelled:
        for line in sale.lines:
            for product in (WHOLE_DAY, line.sku):
                counts[_counter(sale.confirmed, product, UNITS)] += line.quantity
                revenue = line.quantity * line.price.amount
                counts[_counter(sale.confirmed, product, REVENUE + line.price.currency)] += revenue
    return counts


def month(day: str) -> str:
    """Return the group of a day's rows (`2026-01-31`): a month's, so that a range is read by few queries."""
    return f"sales#{day[:7]}"


def row(day: str, product: str) -> str:
    """Return the row of a day and a product."""
    return f"{day}#{product}"


def _counter(at: str, product: str, name: str) -> CounterKey:
    day = at[:10]
    return CounterKey(month(day), row(day, product), name)
