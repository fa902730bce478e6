"""The open connections in live's table: an item for each, in the partition by which an event's push finds it."""

from typing import TYPE_CHECKING

from functions.live.ports import Connection
from functions.live.viewers import Viewer
from tidings.core.clock import Clock, now
from tidings.core.decisions import EXPIRES
from tidings.core.strategy import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MAX_CONNECTIONS = 10
"""Maximum number of connections of one viewer, such as the tabs of a browser."""

CONNECTION_SECONDS = 2 * 60 * 60
"""Number of seconds after which API Gateway ends a connection (Amazon API Gateway Developer Guide, "Quotas for
configuring and running a WebSocket API")."""


MESSAGE_SECONDS = 60
"""Minimum number of seconds between two messages of a client. A ping is needed every ten minutes."""

LAST = "last_message"
"""The attribute with the time of a client's last message, in milliseconds since 1970."""


class DynamoConnections:
    """The connections, as live's functions register and find them."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = now) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def add(self, viewer: Viewer, connection: str) -> bool:
        """Register a connection. Return False, and register none, if the viewer has as many as allowed.

        Each is counted after it was written, so that those that open at the same time are counted too.
        """
        added = Connection.of(viewer, connection, self._clock())
        self._client.put_item(
            TableName=self._table,
            Item={
                **_key(added),
                "since": {"N": str(added.since)},
                EXPIRES: {"N": str(added.since // 1000 + CONNECTION_SECONDS)},
            },
        )
        if self._count(viewer) <= MAX_CONNECTIONS:
            return True
        self.remove(added)
        return False

    def remove(self, connection: Connection) -> None:
        """Remove a connection. Nothing happens if it was removed before."""
        self._client.delete_item(TableName=self._table, Key=_key(connection))

    def use(self, connection: Connection) -> bool:
        """Record that the client of a connection has sent a message.

        Return False if the connection is not registered, or if its last message was too recent.
        """
        now = self._clock()
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(connection),
                UpdateExpression=f"SET {LAST} = :now",
                ConditionExpression=f"attribute_exists(pk) AND (attribute_not_exists({LAST}) OR {LAST} <= :latest)",
                ExpressionAttributeValues={
                    ":now": {"N": str(now)},
                    ":latest": {"N": str(now - MESSAGE_SECONDS * 1000)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def of(self, partition: str) -> list[Connection]:
        """Return the connections of a partition, without those that have expired and are not deleted yet."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :partition",
            FilterExpression=f"{EXPIRES} > :now",
            ExpressionAttributeValues={":partition": {"S": partition}, ":now": self._now()},
        )
        return [
            Connection(partition, item[SORT_KEY]["S"], int(item["since"]["N"]))
            for page in pages
            for item in page["Items"]
        ]

    def _count(self, viewer: Viewer) -> int:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=f"pk = :partition AND begins_with({SORT_KEY}, :viewer)",
            FilterExpression=f"{EXPIRES} > :now",
            ExpressionAttributeValues={
                ":partition": {"S": viewer.partition},
                ":viewer": {"S": Connection.of(viewer, "").row},
                ":now": self._now(),
            },
            ConsistentRead=True,
            Select="COUNT",
        )
        return sum(page["Count"] for page in pages)

    def _now(self) -> "AttributeValueTypeDef":
        return {"N": str(self._clock() // 1000)}


def _key(connection: Connection) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": connection.partition}, SORT_KEY: {"S": connection.row}}
