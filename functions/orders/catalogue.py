"""The catalogue: a product as it is now, and the months of its changes.

A change writes two items in one transaction: the product, and the entity of the product's month, which announces it.
"""

import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.price_changed import PriceChanged
from contracts.orders.product_listed import ProductListed
from contracts.values.money import Money
from contracts.values.product import PRODUCT_MONTH
from tidings.core.contract import Contract
from tidings.core.entity import Entity, reserved_key
from tidings.core.service import Index, Service
from tidings.http.pagination import OWNER, RANK, SUMMARY, list_entry

PRODUCTS = "products"
"""The list of all products, by SKU."""

_PRODUCT = reserved_key("product", "")


class Product(Struct, frozen=True):
    """A product, as anyone sees it."""

    sku: str
    name: str
    price: Money


class Entry(Struct, frozen=True):
    """The name and the price of a product after its last change; in a month's entity, after that month's last change.

    Attributes:
        name: The product's name.
        price: The price of one unit.
        changed: The time of the last change, in milliseconds since 1970.
    """

    name: str
    price: Money
    changed: int


def change(entry: Entry | None, name: str, price: Money, now: int) -> tuple[Entry, Contract] | None:
    """Return a product's next entry, and the event that announces it; None if nothing changes.

    The time of a change is later than that of the one before, also if their processes' clocks differ. So the change
    with the latest time is the last one.

    Args:
        entry: The product as it is; None if the product is new.
        name: The name to set.
        price: The price to set.
        now: The time in milliseconds since 1970.
    """
    if entry is None:
        return Entry(name, price, now), ProductListed(name=name, price=price)
    changed = replace(entry, name=name, price=price, changed=max(now, entry.changed + 1))
    if entry.name != name:
        return changed, ProductListed(name=name, price=price)
    return (changed, PriceChanged(price=price)) if entry.price != price else None


def product_key(sku: str) -> str:
    """Return the key of a product in orders' table."""
    return f"{_PRODUCT}{sku}"


def shown(entity: Entity[Entry]) -> Product | None:
    """Return a product as anyone sees it; None if it does not exist."""
    entry = entity.state
    return Product(entity.key.removeprefix(_PRODUCT), entry.name, entry.price) if entry else None


def _listing(entity: Entity[Entry]) -> Mapping[str, str]:
    """Return the attributes by which a product is in the list of all products. A month's entity has none."""
    product = shown(entity)
    if product is None or not entity.key.startswith(_PRODUCT):
        return {}
    return list_entry(PRODUCTS, product.sku, product)


catalogue = Service(
    name="orders",
    state=Entry,
    announces=(ProductListed, PriceChanged),
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=_listing),),
    keys=rf"{re.escape(_PRODUCT)}.+|{PRODUCT_MONTH}",
)
