"""A ledger: the items of orders, and the rows of counters in which many orders are summed, committed together.

Its table has a second key, `sk`. The rows of one group are one partition, found by a query; an order's item has a
partition of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tidings.item import Attributes
from tidings.table import Write, conditional_put, read_all, transact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

SORT_KEY = "sk"
ORDER_ROW = "#order"
"""Where an order's item stands in its own partition; no row of counters begins with this sign."""


@dataclass(frozen=True)
class Tally:
    """Adds to numbers of a row; one that is not there counts from `start`, or else from 0."""

    partition: str
    row: str
    add: Mapping[str, int]
    start: Mapping[str, int] = field(default_factory=dict)


class Ledger(Protocol):
    """What folding needs of its table. Any other error of it means: unknown whether it was done, try again."""

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        """The items of those of the orders that there are."""

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        """Stores the orders and adds to the counters, at most `MAX_ACTIONS` together, no row twice.

        All or nothing: LostError or ConflictError, and then nothing was written.
        """


def partition(group: str, shard: int) -> str:
    """The partition of one shard of a group's rows."""
    return f"{group}#{shard}"


class DynamoLedger:
    """A ledger in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        """One consistent BatchGetItem for each hundred."""
        keys = [_key(order, ORDER_ROW) for order in orders]
        return {item["pk"]["S"]: item for item in read_all(self._client, self._table, keys)}

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        """One TransactWriteItems."""
        puts: list[TransactWriteItemTypeDef] = [{"Put": self._put(write)} for write in writes]
        updates: list[TransactWriteItemTypeDef] = [{"Update": self._update(tally)} for tally in tallies]
        transact(self._client, [*puts, *updates], writes)

    def _put(self, write: Write) -> "PutTypeDef":
        return conditional_put(self._table, {**write.item, **_key(write.order, ORDER_ROW)}, write.expected)

    def _update(self, tally: Tally) -> "UpdateTypeDef":
        names = list(tally.add)
        sums = ", ".join(f"#{n} = if_not_exists(#{n}, :start{n}) + :add{n}" for n in range(len(names)))
        return {
            "TableName": self._table,
            "Key": _key(tally.partition, tally.row),
            "UpdateExpression": f"SET {sums}",
            "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(names)},
            "ExpressionAttributeValues": {
                **{f":add{n}": {"N": str(tally.add[name])} for n, name in enumerate(names)},
                **{f":start{n}": {"N": str(tally.start.get(name, 0))} for n, name in enumerate(names)},
            },
        }


def _key(partition: str, row: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": partition}, SORT_KEY: {"S": row}}
