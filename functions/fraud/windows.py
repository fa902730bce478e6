"""The orders that were seen of late, by customer and by address, in buckets of time in fraud's own table."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from functions.fraud.rules import Seen, Window
from tidings.contracts import Address

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesTypeDef

MOST = 1500
"""Orders that a bucket takes, so that it stays below DynamoDB's 400 KB; what comes to a full one breaks the rule."""


class Windows:
    """Notes orders, and tells which were seen around them.

    Each order is written to its own bucket first, and the neighbours are read then. So of two orders that are noted
    at once at least one sees the other, and who is flagged does not depend on which came first.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def note(self, rule: Window, seen: Seen, address: Address) -> list[Seen] | None:
        """The orders within reach of this one, itself among them; None where there are too many to keep."""
        whose = seen.customer if rule.by == "customer" else digest(address)
        number = seen.time // rule.span
        own = self._add(f"{rule.name}#{whose}#{number}", seen)
        if own is None:
            return None
        return [*own, *self._read([f"{rule.name}#{whose}#{number + step}" for step in (-1, 1)])]

    def _add(self, key: str, seen: Seen) -> list[Seen] | None:
        text = msgspec.json.encode(seen).decode()
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression="ADD seen :seen",
                ConditionExpression="attribute_not_exists(seen) OR size(seen) < :most OR contains(seen, :text)",
                ExpressionAttributeValues={
                    ":seen": {"SS": [text]},
                    ":text": {"S": text},
                    ":most": {"N": str(MOST)},
                },
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return list(_all_seen(answer["Attributes"]))

    def _read(self, keys: Iterable[str]) -> Iterator[Seen]:
        wanted: Mapping[str, KeysAndAttributesTypeDef] = {
            self._table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}
        }
        answer = self._client.batch_get_item(RequestItems=wanted)
        if answer["UnprocessedKeys"]:
            raise TimeoutError("the neighbouring buckets were not all read")
        for item in answer["Responses"].get(self._table, []):
            yield from _all_seen(item)


def digest(address: Address) -> str:
    """A place, however its lines are written, and without telling it."""
    parts = (address.street, address.postal_code, address.city, address.country)
    text = "\n".join("".join(part.casefold().split()) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _all_seen(item: "Mapping[str, AttributeValueTypeDef]") -> Iterator[Seen]:
    return (msgspec.json.decode(text, type=Seen) for text in item["seen"]["SS"])
