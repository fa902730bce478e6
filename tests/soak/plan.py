"""What a crowd of customers will do: all of it follows from a seed, but for who comes first."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Lines = Mapping[str, int]
"""Units by SKU."""

Repeat = Literal["at once", "later"]


@dataclass(frozen=True)
class Product:
    """A product, its price in minor units of EUR, and how many units there are to begin with."""

    sku: str
    price: int
    stock: int


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One order that somebody places, and what else they do about it.

    `repeat` sends the same request again under the same key. `regret` cancels it so many seconds after it was placed.
    `dispatch` has an operator send it off as soon as it is to be picked, and `race` cancels it at that very moment.
    """

    key: str
    client: int
    lines: Lines
    method: str = "pm_card_visa"
    repeat: Repeat | None = None
    regret: float | None = None
    dispatch: bool = False
    race: bool = False


@dataclass(frozen=True)
class Plan:
    """The errands of all clients, and the products that they order."""

    seed: int
    customers: int
    products: Sequence[Product]
    errands: Sequence[Errand] = field(default_factory=tuple)

    @property
    def clients(self) -> int:
        """How many do their errands at once; two of them may be the same customer."""
        return 2 * self.customers


DECLINED = ("pm_card_declined", "pm_card_insufficient_funds")
PLENTY = 10_000_000
EXCESSIVE = 6_000_000
"""The price of two of which are more than any honest order costs, by the rules of the stage `local`."""


def planned(seed: int, orders: int, clients: int) -> Plan:
    """A crowd's plan: of its orders 5 % are sent twice, 5 % cancelled, some dispatched, declined or short of stock."""
    chance = random.Random(seed)  # noqa: S311 - not for secrecy
    # Nobody else's orders may count among these products' figures.
    mark = uuid.uuid4().hex[:8]
    shelf = [Product(f"soak-{mark}-{n}", chance.randint(100, 5000), PLENTY) for n in range(8)]
    scarce = Product(f"soak-{mark}-scarce", 700, max(1, orders // 40))
    missing = Product(f"soak-{mark}-missing", 900, 0)
    gold = Product(f"soak-{mark}-gold", EXCESSIVE, PLENTY)

    def some(share: float, among: Sequence[int]) -> Sequence[int]:
        return chance.sample(among, min(len(among), max(1, round(share * orders))))

    errands = [
        Errand(
            key=f"soak-{mark}-{n}",
            client=n % clients,
            lines={product.sku: chance.randint(1, 3) for product in chance.sample(shelf, chance.randint(1, 3))},
        )
        for n in range(orders)
    ]

    def change(numbers: Sequence[int], **changes: object) -> None:
        for n in numbers:
            errands[n] = replace(errands[n], **changes)  # type: ignore[arg-type]  # checked by who calls

    every = list(range(orders))
    odd = some(0.25, every)
    fifth = max(1, len(odd) // 5)
    bad_cards, tripping, short, hopeless, costly = (odd[start * fifth : (start + 1) * fifth] for start in range(5))
    for n in bad_cards:
        change([n], method=chance.choice(DECLINED))
    change(tripping, method="pm_card_error_once")
    for n in short:
        change([n], lines={**errands[n].lines, scarce.sku: 1})
    for n in hopeless:
        change([n], lines={**errands[n].lines, missing.sku: 1})
    change(costly, lines={gold.sku: 2})

    plain = sorted({*every} - {*odd})
    racing = some(0.02, plain)
    change(racing, dispatch=True, race=True)
    for n in some(0.03, [n for n in every if not errands[n].race]):
        change([n], regret=chance.choice((0.0, chance.uniform(0, 5))))
    change(some(0.2, [n for n in plain if errands[n].regret is None]), dispatch=True)
    for n in some(0.05, every):
        change([n], repeat=chance.choice(("at once", "later")))
    return Plan(seed, clients // 2, [*shelf, scarce, missing, gold], errands)
