"""Tickets: each opens one connection, so that no token is part of an address, which proxies and logs record."""

import hashlib
import secrets
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from functions.live.viewers import Role, Viewer
from tidings.core.clock import Clock, now
from tidings.core.decisions import EXPIRES
from tidings.core.entity import reserved_key
from tidings.core.strategy import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

TICKET_BYTES = 16
"""The random bytes of a ticket: 128 bits, which nobody guesses."""

TICKET_SECONDS = 30
"""Number of seconds for which a ticket is valid. A client connects as soon as it has one."""

UNTIL = "valid_until"


class IssuedTicket(Struct, frozen=True):
    """A ticket, and the time in milliseconds since 1970 until which it is valid."""

    ticket: str
    valid_until: int


class Tickets:
    """The tickets in live's table. Only their hashes are stored, so nobody who reads the table can connect."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = now) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def issue(self, viewer: Viewer) -> IssuedTicket:
        """Issue a ticket for one connection of a viewer."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        until = self._clock() + TICKET_SECONDS * 1000
        self._client.put_item(
            TableName=self._table,
            Item={
                **_key(ticket),
                "role": {"S": viewer.role},
                "user": {"S": viewer.user},
                UNTIL: {"N": str(until)},
                EXPIRES: {"N": str(until // 1000 + 1)},
            },
        )
        return IssuedTicket(ticket, until)

    def redeem(self, ticket: str) -> Viewer | None:
        """Consume a ticket by one conditional write. Return its viewer; None if it is not valid, or no longer."""
        try:
            answer = self._client.delete_item(
                TableName=self._table,
                Key=_key(ticket),
                ConditionExpression=f"{UNTIL} >= :now",
                ExpressionAttributeValues={":now": {"N": str(self._clock())}},
                ReturnValues="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        found = answer["Attributes"]
        return Viewer(cast("Role", found["role"]["S"]), found["user"]["S"])


def _key(ticket: str) -> "dict[str, AttributeValueTypeDef]":
    digest = hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()
    return {"pk": {"S": reserved_key("ticket", digest)}, SORT_KEY: {"S": "ticket"}}
