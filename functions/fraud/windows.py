"""The orders that were seen of late, by customer and by address, in buckets of time in fraud's own table."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from functions.fraud.rules import Seen, Window
from tidings.contracts import Address
from tidings.table import read_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MOST = 1500
"""Orders that a bucket takes, so that it stays below DynamoDB's 400 KB; what comes to a full one breaks the rule."""


@dataclass(frozen=True)
class Place:
    """Where an order is noted by a rule: the keys of its own bucket and of those before and after it."""

    own: str
    neighbours: tuple[str, str]

    @classmethod
    def of(cls, rule: Window, seen: Seen, address: Address) -> "Place":
        """By the rule's span, in the buckets of the order's customer or address."""
        whose = seen.customer if rule.by == "customer" else digest(address)
        before, own, after = (f"{rule.name}#{whose}#{seen.time // rule.span + step}" for step in (-1, 0, 1))
        return cls(own, (before, after))


class Windows:
    """Notes orders, and tells which were seen around them.

    Each order is written to its own buckets first, one for each rule, and the neighbours of all are read then. So of
    two orders that are noted at once at least one sees the other, and who is flagged does not depend on which came
    first.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> list[list[Seen] | None]:
        """By each rule the orders within reach of this one, itself among them; None where there are too many to keep.

        One UpdateItem for each rule, and one BatchGetItem.
        """
        places = [Place.of(rule, seen, address) for rule in rules]
        own = [self._add(place.own, seen) for place in places]
        beside = self._read([key for place in places for key in place.neighbours])
        return [
            None if found is None else [*found, *(each for key in place.neighbours for each in beside.get(key, ()))]
            for place, found in zip(places, own, strict=True)
        ]

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

    def _read(self, keys: Sequence[str]) -> Mapping[str, list[Seen]]:
        items = read_all(self._client, self._table, [{"pk": {"S": key}} for key in keys])
        return {item["pk"]["S"]: list(_all_seen(item)) for item in items}


def digest(address: Address) -> str:
    """A place, however its lines are written, and without telling it."""
    parts = (address.street, address.postal_code, address.city, address.country)
    text = "\n".join("".join(part.casefold().split()) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _all_seen(item: "Mapping[str, AttributeValueTypeDef]") -> Iterator[Seen]:
    return (msgspec.json.decode(text, type=Seen) for text in item["seen"]["SS"])
