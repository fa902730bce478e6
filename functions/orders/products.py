"""The catalogue of products, in orders' own table, cached in memory for a while."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.money import Currency, Money
from contracts.values.product import product_month
from functions.orders.catalogue import Entry, Product, catalogue, change, product_key, shown
from functions.orders.requests import CheckedLine
from tidings.core.contract import Contract
from tidings.core.entity import Entity, MessageMetadata, StoredEntity, advance
from tidings.core.errors import ContentionError
from tidings.core.ports import EntityWrite, Table, TransactionConflictError, VersionConflictError
from tidings.handling.retries import MAX_ATTEMPTS, jittered_pause


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """The price of one unit, in its currency's minor units (ISO 4217)."""

    amount: Annotated[int, Meta(ge=0, le=10**9)]
    currency: Currency


class ProductTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a product that an operator sets."""

    name: CheckedLine
    price: Price


class Products:
    """The catalogue. A product stays cached for `seconds`, so most orders read nothing."""

    def __init__(
        self,
        table: Table,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[int], None] = jittered_pause,
    ) -> None:
        self._table = table
        self._seconds = seconds
        self._clock = clock
        self._pause = pause
        self._cached: dict[str, tuple[float, Product]] = {}

    def find(self, skus: Sequence[str]) -> dict[str, Product]:
        """Return those of the products that exist, by SKU. None is older than the cache's age limit."""
        now = self._clock()
        found = {sku: cached[1] for sku in skus if (cached := self._cached.get(sku)) and cached[0] > now}
        missing = [sku for sku in skus if sku not in found]
        return {**found, **self.refresh(missing)} if missing else found

    def refresh(self, skus: Sequence[str]) -> dict[str, Product]:
        """Return those of the products that exist as they are now, by SKU, and cache them."""
        now = self._clock()
        read = self._read_all(skus)
        for sku in skus:
            self._cached.pop(sku, None)
        self._cached.update({sku: (now + self._seconds, product) for sku, product in read.items()})
        return read

    def read(self, sku: str) -> Product | None:
        """Return a product as it is now, or None."""
        return self._read_all([sku]).get(sku)

    def put(self, sku: str, terms: ProductTerms, metadata: MessageMetadata) -> Product:
        """Set a product, and announce what that changes, in one transaction. A repeat changes nothing.

        Args:
            sku: The product's SKU.
            terms: Its name and price.
            metadata: The metadata of the command.

        Raises:
            ContentionError: If other writers were first on every attempt.
        """
        self._cached.pop(sku, None)
        price = Money(terms.price.amount, terms.price.currency)
        key, month = product_key(sku), product_month(sku, metadata.time)
        for attempt in range(MAX_ATTEMPTS):
            found = self._table.read([key, month])
            product = _decoded(key, found.get(key))
            changed = change(product.state, terms.name, price, metadata.time)
            if changed is None:
                break
            try:
                self._table.commit(_writes(product, _decoded(month, found.get(month)), *changed, metadata))
            except VersionConflictError:
                continue
            except TransactionConflictError:
                self._pause(attempt)
            else:
                break
        else:
            raise ContentionError(f"{sku} was not written in {MAX_ATTEMPTS} attempts")
        return Product(sku, terms.name, price)

    def _read_all(self, skus: Sequence[str]) -> dict[str, Product]:
        keys = [product_key(sku) for sku in skus]
        found = self._table.read(keys) if keys else {}
        products = (shown(_decoded(key, stored)) for key, stored in found.items())
        return {product.sku: product for product in products if product}


def _decoded(key: str, stored: StoredEntity | None) -> Entity[Entry]:
    return catalogue.codec.decode(stored) if stored else Entity(key)


def _writes(
    product: Entity[Entry], month: Entity[Entry], entry: Entry, announcement: Contract, metadata: MessageMetadata
) -> list[EntityWrite]:
    """Return the writes of a product's next entry and of its month, which announces it."""
    cause = MessageMetadata(metadata.correlation_id, metadata.traceparent, entry.changed - 1)
    announced = advance(month, catalogue.name, entry, (announcement,), cause, entry.changed)
    listed = replace(product, version=product.version + 1, state=entry)
    return [_write(announced, announces=True), _write(listed, announces=False)]


def _write(entity: Entity[Entry], *, announces: bool) -> EntityWrite:
    attributes = catalogue.index_attributes(entity)
    return EntityWrite(catalogue.codec.encode(entity, announces=announces, attributes=attributes), entity.version - 1)
