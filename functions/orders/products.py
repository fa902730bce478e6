"""The catalogue of products, in orders' own table, cached in memory for a while."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from contracts.values.money import Currency, Money
from functions.orders.requests import CheckedLine
from tidings.aws.dynamodb import read_all
from tidings.core.entity import reserved_key
from tidings.http.pagination import SUMMARY, list_entry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PRODUCTS = "products"
"""The list of all products, by SKU."""


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """The price of one unit, in its currency's minor units (ISO 4217)."""

    amount: Annotated[int, Meta(ge=0, le=10**9)]
    currency: Currency


class ProductTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a product that an operator sets."""

    name: CheckedLine
    price: Price


class Product(Struct, frozen=True):
    """A product, as anyone sees it."""

    sku: str
    name: str
    price: Money


class Products:
    """The catalogue. A product stays cached for `seconds`, so most orders read nothing."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table = table
        self._seconds = seconds
        self._clock = clock
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

    def put(self, sku: str, terms: ProductTerms) -> Product:
        """Set a product."""
        product = Product(sku, terms.name, Money(terms.price.amount, terms.price.currency))
        self._client.put_item(
            TableName=self._table,
            Item={
                "pk": {"S": _key(sku)},
                **{name: {"S": text} for name, text in list_entry(PRODUCTS, sku, product).items()},
            },
        )
        self._cached.pop(sku, None)
        return product

    def _read_all(self, skus: Iterable[str]) -> dict[str, Product]:
        items = read_all(self._client, self._table, [{"pk": {"S": _key(sku)}} for sku in skus])
        products = (msgspec.json.decode(item[SUMMARY]["S"], type=Product) for item in items)
        return {product.sku: product for product in products}


def _key(sku: str) -> str:
    return reserved_key("product", sku)
