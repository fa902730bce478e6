"""The products that the shop sells, in orders' own table, kept in memory for a while."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from tidings.contracts import Line, Money
from tidings.pages import SUMMARY, entry
from tidings.table import read_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PRODUCTS = "products"
"""The list of them all, by SKU."""


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """What one costs, in its currency's minor units (ISO 4217)."""

    amount: Annotated[int, Meta(ge=0, le=10**9)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class ProductTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator sets of a product."""

    name: Line
    price: Price


class Product(Struct, frozen=True):
    """A product, as anyone sees it."""

    sku: str
    name: str
    price: Money


class Products:
    """Reads and writes products. What was read serves for `seconds` more, so that most orders read nothing."""

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
        self._kept: dict[str, tuple[float, Product]] = {}

    def find(self, skus: Sequence[str]) -> dict[str, Product]:
        """Those of the products that there are, by SKU; none is older than the time they are kept for."""
        now = self._clock()
        found = {sku: kept[1] for sku in skus if (kept := self._kept.get(sku)) and kept[0] > now}
        missing = [sku for sku in skus if sku not in found]
        if missing:
            read = self._read_all(missing)
            self._kept.update({sku: (now + self._seconds, product) for sku, product in read.items()})
            found.update(read)
        return found

    def read(self, sku: str) -> Product | None:
        """A product as it is now."""
        return self._read_all([sku]).get(sku)

    def put(self, sku: str, terms: ProductTerms) -> Product:
        """Sets a product."""
        product = Product(sku, terms.name, Money(terms.price.amount, terms.price.currency))
        self._client.put_item(
            TableName=self._table,
            Item={
                "pk": {"S": _key(sku)},
                **{name: {"S": text} for name, text in entry(PRODUCTS, sku, product).items()},
            },
        )
        self._kept.pop(sku, None)
        return product

    def _read_all(self, skus: Iterable[str]) -> dict[str, Product]:
        items = read_all(self._client, self._table, [{"pk": {"S": _key(sku)}} for sku in skus])
        products = (msgspec.json.decode(item[SUMMARY]["S"], type=Product) for item in items)
        return {product.sku: product for product in products}


def _key(sku: str) -> str:
    """An order's key is its id, which has no such sign."""
    return f"product#{sku}"
