"""The pending refunds, in an index that contains no other payment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from functions.payment.handlers import Payment
from tidings.core.clock import from_rfc3339
from tidings.core.entity import Entity
from tidings.core.service import Index

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND, SINCE = "waiting", "since"
"""The index's keys: what is waited for, and the time of the cancellation."""

REFUND = "refund"
"""The only kind. One partition suffices: refunds are few, and most have succeeded as soon as they are made."""


class PendingRefund(NamedTuple):
    """A pending refund, and when its order was cancelled in milliseconds since 1970."""

    since: int
    order: str


def pending_attributes(entity: Entity[Payment]) -> dict[str, str]:
    """Return the attributes by which a payment is in the index while its refund is pending."""
    payment = entity.state
    return {KIND: REFUND, SINCE: payment.since} if payment and payment.status == "refunding" else {}


INDEX = Index(name="refunds", partition=KIND, sort=SINCE, of=pending_attributes)
"""The index. Its entries contain keys only."""


class PendingRefunds:
    """The reader of the index. It lags behind the table, so a refund that it returns may have ended."""

    def __init__(self, client: "DynamoDBClient", table: str, index: str) -> None:
        self._client = client
        self._table = table
        self._index = index

    def oldest_first(self) -> Iterator[PendingRefund]:
        """Iterate over the pending refunds. Pages are read on demand."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="#kind = :kind",
            ExpressionAttributeNames={"#kind": KIND},
            ExpressionAttributeValues={":kind": {"S": REFUND}},
            PaginationConfig={"PageSize": 100},
        )
        for page in pages:
            for item in page["Items"]:
                yield PendingRefund(from_rfc3339(item[SINCE]["S"]), item["pk"]["S"])
