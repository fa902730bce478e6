"""The owners of orders in live's table: whose order it is, kept from `OrderPlaced`."""

from typing import TYPE_CHECKING

from tidings.core.decisions import EXPIRES
from tidings.core.strategy import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

OWNER_DAYS = 90
"""Number of days after its placing for which an order's owner is known.

Returns and refunds are over by then. Of a later event, such as the end of a dispute, only operators are notified; the
customer finds it on the order's page, which reads the state.
"""

MAX_CACHED = 10_000
"""Maximum number of owners that a process keeps in memory."""


class DynamoOwners:
    """The owners in live's table. An order's owner never changes, so each process asks for it once."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._known: dict[str, str] = {}

    def record(self, order: str, customer: str, time: int) -> None:
        """Store whose order it is. Nothing changes if it is stored."""
        expires = time // 1000 + OWNER_DAYS * 24 * 60 * 60
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**_key(order), "customer": {"S": customer}, EXPIRES: {"N": str(expires)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            # The event was delivered before. Its first delivery stored the owner.
            return
        self._remember(order, customer)

    def find(self, order: str) -> str | None:
        """Return the id of an order's customer; None if it is unknown."""
        if order in self._known:
            return self._known[order]
        # The next events follow the first within milliseconds, and another process may have stored the owner.
        answer = self._client.get_item(TableName=self._table, Key=_key(order), ConsistentRead=True)
        if "Item" not in answer:
            return None
        customer = answer["Item"]["customer"]["S"]
        self._remember(order, customer)
        return customer

    def _remember(self, order: str, customer: str) -> None:
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[order] = customer


def _key(order: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": order}, SORT_KEY: {"S": "owner"}}
