"""The figures of sales: the counters of analytics' own table, their shards summed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from functions.analytics.reactions import (
    CANCELLED,
    CONFIRMED,
    PLACED,
    REVENUE,
    SHARDS,
    UNITS,
    WHOLE_DAY,
    month,
)
from tidings.contracts import Money
from tidings.ledger import SORT_KEY, partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Numbers = Mapping[str, int]
Row = tuple[str, str]
"""A day (`2026-01-31`) and a product, or `WHOLE_DAY`."""


class Figures(Struct, frozen=True):
    """Orders, by what happened to them, and what was sold: units, and revenue in each currency's minor units.

    `cancelled` counts them by the reason.
    """

    placed: int
    confirmed: int
    cancelled: dict[str, int]
    units: int
    revenue: tuple[Money, ...]


class ProductFigures(Struct, frozen=True):
    """The figures of one product: its own units and revenue, and the orders that it stood in."""

    sku: str
    total: Figures


class DayFigures(Struct, frozen=True):
    """The figures of a day in UTC, and of each product of which there is something to tell of that day."""

    day: str
    total: Figures
    products: tuple[ProductFigures, ...]


class Counters:
    """Reads analytics' counters. `executor` lets it query the shards at once."""

    def __init__(self, client: "DynamoDBClient", table: str, executor: Executor) -> None:
        self._client = client
        self._table = table
        self._executor = executor

    def read(self, first: date, last: date, most: int) -> Mapping[Row, Numbers]:
        """The numbers of all days of a range; where these are more than `most` rows, it stops with some more than that.

        It is a Query for each month and shard, each of so many pages of 1 MB as `most` rows take.
        """
        groups = {month(str(first + timedelta(days=n))) for n in range((last - first).days + 1)}
        partitions = [partition(group, shard) for group in sorted(groups) for shard in range(SHARDS)]
        sums: dict[Row, Counter[str]] = {}
        for rows in self._executor.map(lambda name: list(islice(self._query(name, first, last), most + 1)), partitions):
            for row, numbers in rows:
                sums.setdefault(row, Counter()).update(numbers)
            if len(sums) > most:
                break
        return sums

    def _query(self, name: str, first: date, last: date) -> Iterator[tuple[Row, Numbers]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :shard AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":shard": {"S": name},
                ":first": {"S": f"{first}#"},
                ":last": {"S": f"{last}#~"},
            },
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                day, _, product = item[SORT_KEY]["S"].partition("#")
                yield (day, product), {name: int(value["N"]) for name, value in item.items() if "N" in value}


def days(numbers: Mapping[Row, Numbers]) -> tuple[DayFigures, ...]:
    """The figures of the days of which there is something to tell, in order, and their products' by SKU.

    What was counted and taken off again leaves nothing to tell, as if it had never been.
    """
    told = {row: counts for row, counts in sorted(numbers.items()) if any(counts.values())}
    products: dict[str, list[ProductFigures]] = {}
    for (day, product), counts in told.items():
        if product != WHOLE_DAY:
            products.setdefault(day, []).append(ProductFigures(product, _figures(counts)))
    return tuple(
        DayFigures(day, _figures(counts), tuple(products.get(day, ())))
        for (day, product), counts in told.items()
        if product == WHOLE_DAY
    )


def _figures(counts: Numbers) -> Figures:
    return Figures(
        placed=counts.get(PLACED, 0),
        confirmed=counts.get(CONFIRMED, 0),
        cancelled=_named(counts, CANCELLED),
        units=counts.get(UNITS, 0),
        revenue=tuple(Money(amount, currency) for currency, amount in _named(counts, REVENUE).items()),
    )


def _named(counts: Numbers, prefix: str) -> dict[str, int]:
    """The numbers whose name begins so, by the rest of it, without those that are nothing."""
    return {name.removeprefix(prefix): n for name, n in sorted(counts.items()) if name.startswith(prefix) and n}
