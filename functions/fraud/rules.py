"""The rules that detect fraud, as data, and their evaluation on the orders seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

By = Literal["customer", "address"]

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Seen(Struct, frozen=True, array_like=True):
    """An order as the rules see it.

    Attributes:
        time: The time of its event, in milliseconds since 1970.
        order: Its id.
        customer: Its customer.
    """

    time: int
    order: str
    customer: str


class Window(Struct, frozen=True, tag=True):
    """A maximum number of orders within a time.

    Attributes:
        name: The rule's name.
        by: The orders that are counted: those of one `customer`, or the customers who order to one `address`.
        span: The time in milliseconds, up to the order's own time.
        most: Maximum number. An order above it breaks the rule.
    """

    name: str
    by: By
    span: int
    most: int


class Limit(Struct, frozen=True, tag=True):
    """A maximum total of an order.

    Attributes:
        name: The rule's name.
        limits: The maximum in minor units, by currency. Other currencies have none.
    """

    name: str
    limits: Mapping[str, int]


Rule = Window | Limit

STRICT: tuple[Rule, ...] = (
    Window("velocity", "customer", 10 * MINUTE, 10),
    Window("shared-address", "address", DAY, 5),
    Limit("large-total", {"EUR": 500_000, "GBP": 450_000, "USD": 500_000}),
)

LENIENT: tuple[Rule, ...] = (
    Window("velocity", "customer", 10 * SECOND, 1000),
    Window("shared-address", "address", 10 * SECOND, 1000),
    Limit("large-total", {"EUR": 10_000_000, "GBP": 10_000_000, "USD": 10_000_000}),
)
"""The rules of a stage whose orders come from a load generator."""


def windows(rules: Iterable[Rule]) -> Sequence[Window]:
    """Return the rules that compare several orders."""
    return [rule for rule in rules if isinstance(rule, Window)]


def too_expensive(rules: Iterable[Rule], amount: int, currency: str) -> set[str]:
    """Return the names of the rules that an order's total breaks."""
    limits = (rule for rule in rules if isinstance(rule, Limit))
    return {rule.name for rule in limits if amount > rule.limits.get(currency, amount)}


def one_too_many(rule: Window, seen: Iterable[Seen]) -> set[str]:
    """Return the orders that break a rule. It depends on their times only, not on which was seen first."""
    ordered = sorted(set(seen), key=lambda each: (each.time, each.order))
    return {each.order for n, each in enumerate(ordered) if _count(rule, each, ordered[: n + 1]) > rule.most}


def _count(rule: Window, last: Seen, until_then: Iterable[Seen]) -> int:
    within = [each for each in until_then if each.time > last.time - rule.span]
    return len(within) if rule.by == "customer" else len({each.customer for each in within})
