"""The sales figures: the counters of analytics' own table, summed over their shards."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from contracts.values.money import Money
from functions.analytics.handlers import (
    CANCELLED,
    CONFIRMED,
    PLACED,
    REVENUE,
    SHARDS,
    UNITS,
    WHOLE_DAY,
    month,
)
from tidings.core.strategy import SORT_KEY, counter_partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Numbers = Mapping[str, int]
Row = tuple[str, str]
"""A day (`2026-01-31`) and a product, or `WHOLE_DAY`."""


class Figures(Struct, frozen=True):
    """The figures of a day or of a product on a day.

    Attributes:
        placed: Number of placed orders.
        confirmed: Number of confirmed orders.
        cancelled: Number of cancelled orders by reason.
        units: Number of units sold.
        revenue: The revenue in each currency's minor units.
    """

    placed: int
    confirmed: int
    cancelled: dict[str, int]
    units: int
    revenue: tuple[Money, ...]


class ProductFigures(Struct, frozen=True):
    """The figures of one product: its units and revenue, and the orders that contain it."""

    sku: str
    total: Figures


class DayFigures(Struct, frozen=True):
    """The figures of a day in the shop's time zone, and those of each product."""

    day: str
    total: Figures
    products: tuple[ProductFigures, ...]


class Counters:
    """A reader of analytics' counters. It queries the shards in parallel, in the threads of `executor`."""

    def __init__(self, client: "DynamoDBClient", table: str, executor: Executor) -> None:
        self._client = client
        self._table = table
        self._executor = executor

    def read(self, first: date, last: date, most: int) -> Mapping[Row, Numbers]:
        """Return the numbers of the days from `first` to `last`, by one Query for each month and shard.

        Args:
            first: The first day.
            last: The last day.
            most: Number of rows. If there are more, reading stops soon after it.
        """
        groups = {month(str(first + timedelta(days=n))) for n in range((last - first).days + 1)}
        partitions = [counter_partition(group, shard) for group in sorted(groups) for shard in range(SHARDS)]
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
    """Return the figures of the days in order, with their products by SKU. Leave out rows whose numbers are all 0."""
    rows = {row: counts for row, counts in sorted(numbers.items()) if any(counts.values())}
    products: dict[str, list[ProductFigures]] = {}
    for (day, product), counts in rows.items():
        if product != WHOLE_DAY:
            products.setdefault(day, []).append(ProductFigures(product, _figures(counts)))
    return tuple(
        DayFigures(day, _figures(counts), tuple(products.get(day, ())))
        for (day, product), counts in rows.items()
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
    """Return the numbers that are not 0 and whose name has this prefix, by the rest of the name."""
    return {name.removeprefix(prefix): n for name, n in sorted(counts.items()) if name.startswith(prefix) and n}
