"""The plan of a soak test: what every customer does. All of it follows from a seed, except who comes first."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.invariants.evidence import Ending

Lines = Mapping[str, int]
"""Quantities by SKU."""

Repeat = Literal["at once", "later"]


@dataclass(frozen=True)
class Product:
    """A product.

    Attributes:
        sku: The SKU.
        price: The price in minor units of EUR.
        stock: The units in stock at the beginning.
    """

    sku: str
    price: int
    stock: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One order, and what else its customer and the warehouse do about it.

    Attributes:
        key: The idempotency key.
        client: The client that places it.
        lines: The quantities by SKU.
        method: The payment method.
        repeat: When the same request is sent again under the same key, if at all.
        cancel_after: Number of seconds after which the customer cancels the order; None for never.
        dispatch: Whether an operator dispatches it as soon as it is to be picked.
        cancel_at_dispatch: Whether the customer cancels it at the same moment.
    """

    key: str
    client: int
    lines: Lines
    method: str = "pm_card_visa"
    repeat: Repeat | None = None
    cancel_after: float | None = None
    dispatch: bool = False
    cancel_at_dispatch: bool = False


@dataclass(frozen=True)
class Plan:
    """The scenarios of all clients, and the products that they order."""

    seed: int
    customers: int
    products: Sequence[Product]
    scenarios: Sequence[Scenario] = field(default_factory=tuple)

    @property
    def clients(self) -> int:
        """The number of clients that work in parallel. Two of them are the same customer."""
        return 2 * self.customers

    def customer(self, scenario: Scenario) -> int:
        """Return the number of the scenario's customer."""
        return scenario.client % self.customers

    def total(self, scenario: Scenario) -> int:
        """Return what the order costs."""
        prices = {product.sku: product.price for product in self.products}
        return sum(prices[sku] * quantity for sku, quantity in scenario.lines.items())

    def endings(self, scenario: Scenario) -> set[Ending]:
        """Return the possible endings of the order. Several things can be wrong with it, found in any sequence."""
        stock = {product.sku: product.stock for product in self.products}
        endings: set[Ending] = set()
        if scenario.method in DECLINED:
            endings.add(("CANCELLED", "payment_failed"))
        if any(stock[sku] < quantity for sku, quantity in scenario.lines.items()):
            endings.add(("CANCELLED", "out_of_stock"))
        if self.total(scenario) >= 2 * EXCESSIVE:
            endings.add(("CANCELLED", "fraud"))
        if not endings:
            endings.add(("DISPATCHED" if scenario.dispatch else "CONFIRMED", None))
            if any(0 < stock[sku] < PLENTY for sku in scenario.lines):
                endings.add(("CANCELLED", "out_of_stock"))
        if scenario.cancel_after is not None or scenario.cancel_at_dispatch:
            endings.add(("CANCELLED", "customer"))
        if scenario.cancel_after is not None:
            endings.discard(("CONFIRMED", None))
        return endings


DECLINED = ("pm_card_declined", "pm_card_insufficient_funds")
PLENTY = 10_000_000
EXCESSIVE = 6_000_000
"""A price. Two units cost more than the fraud rules of the stage `local` allow."""


def make_plan(seed: int, orders: int, clients: int) -> Plan:
    """Return the plan that follows from a seed.

    Of the orders 5 % are sent twice and 5 % are cancelled. Some are dispatched, declined or out of stock.

    Args:
        seed: The seed.
        orders: Number of orders.
        clients: Number of clients, an even number.
    """
    rng = random.Random(seed)  # noqa: S311 - not for secrecy
    # No other test's orders may count among the figures of these products.
    mark = uuid.uuid4().hex[:8]
    products = [Product(f"soak-{mark}-{n}", rng.randint(100, 5000), PLENTY) for n in range(8)]
    scarce = Product(f"soak-{mark}-scarce", 700, max(1, orders // 40))
    missing = Product(f"soak-{mark}-missing", 900, 0)
    gold = Product(f"soak-{mark}-gold", EXCESSIVE, PLENTY)

    def some(share: float, among: Sequence[int]) -> Sequence[int]:
        return rng.sample(among, min(len(among), max(1, round(share * orders))))

    scenarios = [
        Scenario(
            key=f"soak-{mark}-{n}",
            client=n % clients,
            lines={product.sku: rng.randint(1, 3) for product in rng.sample(products, rng.randint(1, 3))},
        )
        for n in range(orders)
    ]

    def change(numbers: Sequence[int], **changes: object) -> None:
        for n in numbers:
            scenarios[n] = replace(scenarios[n], **changes)  # type: ignore[arg-type]  # checked by the caller

    every = list(range(orders))
    odd = some(0.25, every)
    fifth = max(1, len(odd) // 5)
    declined, failing_once, short, unavailable, excessive = (
        odd[start * fifth : (start + 1) * fifth] for start in range(5)
    )
    for n in declined:
        change([n], method=rng.choice(DECLINED))
    change(failing_once, method="pm_card_error_once")
    for n in short:
        change([n], lines={**scenarios[n].lines, scarce.sku: 1})
    for n in unavailable:
        change([n], lines={**scenarios[n].lines, missing.sku: 1})
    change(excessive, lines={gold.sku: 2})

    plain = sorted({*every} - {*odd})
    change(some(0.02, plain), dispatch=True, cancel_at_dispatch=True)
    for n in some(0.03, [n for n in every if not scenarios[n].cancel_at_dispatch]):
        change([n], cancel_after=rng.choice((0.0, rng.uniform(0, 5))))
    change(some(0.2, [n for n in plain if scenarios[n].cancel_after is None]), dispatch=True)
    for n in some(0.05, every):
        change([n], repeat=rng.choice(("at once", "later")))
    return Plan(seed, clients // 2, [*products, scarce, missing, gold], scenarios)
