"""The rules that detect fraud, as data. Every rule judges the orders of one customer only."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.money import Currency, Money
from tidings.core.decisions import Numbers

VELOCITY = "velocity"
ADDRESS_SPREAD = "address-spread"
LARGE_TOTAL = "large-total"

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
WINDOW = 10 * MINUTE
"""The time in milliseconds within which the orders of a customer are counted together. A day is a multiple of it."""

MAX_ADDRESSES = 100
"""The largest number of addresses that a rule may allow. It bounds the item of a customer's day to 8 KB."""


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a stage.

    The windows and days of the rules are aligned to the clock (UTC). The time of OrderPlaced chooses those of an order.
    Only paid orders count that were not flagged.

    Attributes:
        velocity: Maximum number of a customer's orders in a window of ten minutes.
        address_spread: Maximum number of different delivery addresses of a customer's orders in a day.
        large_total: Maximum total of an order in minor units, by currency. Other currencies have none.
    """

    velocity: Annotated[int, Meta(ge=0)]
    address_spread: Annotated[int, Meta(ge=0, le=MAX_ADDRESSES)]
    large_total: Mapping[Currency, int]

    def is_large(self, total: Money) -> bool:
        """Return whether an order's total breaks the rule."""
        return total.amount > self.large_total.get(total.currency, total.amount)


STRICT = Rules(
    velocity=10, address_spread=5, large_total={"EUR": 500_000, "GBP": 450_000, "JPY": 800_000, "USD": 500_000}
)

LENIENT = Rules(
    velocity=1_000_000,
    address_spread=MAX_ADDRESSES,
    large_total={"EUR": 10_000_000, "GBP": 10_000_000, "JPY": 16_000_000, "USD": 10_000_000},
)
"""The rules of a stage whose orders come from a load generator."""


class Quota(Struct, frozen=True):
    """A number of a customer's day, of which each order takes one.

    Attributes:
        rule: The rule that an order breaks if none is left.
        number: The number's name.
        most: The number at the beginning of the day.
    """

    rule: str
    number: str
    most: int


class Order(Struct, frozen=True):
    """An order as the rules count it.

    Attributes:
        customer: The pseudonym of its customer.
        address: The pseudonym of its delivery address.
        time: The time of its event, in milliseconds since 1970.
    """

    customer: str
    address: str
    time: int

    def quotas(self, rules: Rules, found: Numbers) -> tuple[Quota, ...]:
        """Return the quotas of which the order takes one, given the numbers of the customer's day that are known.

        An address takes one of the day's addresses for its first order only. This is the order that can take the
        address's own number, which is 1 at the beginning.
        """
        orders = Quota(VELOCITY, f"orders:{self.time % DAY // WINDOW}", rules.velocity)
        if self.address_number in found:
            return (orders,)
        addresses = Quota(ADDRESS_SPREAD, "addresses", rules.address_spread)
        return orders, addresses, Quota(ADDRESS_SPREAD, self.address_number, 1)

    @property
    def address_number(self) -> str:
        """The name of the address's own number."""
        return f"address:{self.address}"
