"""What looks like fraud: rules as data, and what they find in the orders that were seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

By = Literal["customer", "address"]

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Seen(Struct, frozen=True, array_like=True):
    """An order as the rules see it; `time` is its event's own, in milliseconds since 1970."""

    time: int
    order: str
    customer: str


class Window(Struct, frozen=True, tag=True):
    """An order is one too many where it and those before it, within `span` milliseconds, are more than `most`.

    They are those of one customer, or those to one address, of which each customer counts once.
    """

    name: str
    by: By
    span: int
    most: int


class Limit(Struct, frozen=True, tag=True):
    """An order costs too much; the limits are in minor units, by currency."""

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
"""For a stage whose orders come from a load generator rather than from people."""


def windows(rules: Iterable[Rule]) -> Sequence[Window]:
    """The rules that look at more than one order."""
    return [rule for rule in rules if isinstance(rule, Window)]


def too_expensive(rules: Iterable[Rule], amount: int, currency: str) -> set[str]:
    """The names of the rules that an order's total breaks; a currency without a limit breaks none."""
    limits = (rule for rule in rules if isinstance(rule, Limit))
    return {rule.name for rule in limits if amount > rule.limits.get(currency, amount)}


def one_too_many(rule: Window, seen: Iterable[Seen]) -> set[str]:
    """The orders that break the rule, whichever of them was seen first: that depends on their times alone."""
    ordered = sorted(set(seen), key=lambda each: (each.time, each.order))
    return {each.order for n, each in enumerate(ordered) if _count(rule, each, ordered[: n + 1]) > rule.most}


def _count(rule: Window, last: Seen, until_then: Iterable[Seen]) -> int:
    within = [each for each in until_then if each.time > last.time - rule.span]
    return len(within) if rule.by == "customer" else len({each.customer for each in within})
