"""The orders seen lately, by customer and by address, in buckets of time in fraud's own table."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from contracts.values.address import Address
from functions.fraud.rules import Seen, Window
from tidings.aws.dynamodb import read_all
from tidings.core.entity import reserved_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MAX_ORDERS = 1500
"""Maximum number of orders in a bucket, which keeps it below DynamoDB's 400 KB. An order beyond it breaks the rule."""


@dataclass(frozen=True)
class Place:
    """The keys of an order's bucket by one rule, and of the buckets before and after it."""

    own: str
    neighbours: tuple[str, str]

    @classmethod
    def of(cls, rule: Window, seen: Seen, address: Address) -> "Place":
        """Return an order's place. The buckets are as long as the rule's span, for each customer or address."""
        whose, bucket = seen.customer if rule.by == "customer" else digest(address), seen.time // rule.span
        before, own, after = (reserved_key(rule.name, whose, str(bucket + step)) for step in (-1, 0, 1))
        return cls(own, (before, after))


class Windows:
    """The orders seen lately.

    An order is written to its own buckets, one for each rule, before the neighbouring buckets are read. So of two
    concurrent orders at least one sees the other, and it does not depend on their sequence which one is flagged.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> list[list[Seen] | None]:
        """Note an order by one UpdateItem for each rule and one BatchGetItem.

        Returns:
            For each rule the orders within reach of this one, including itself; None if the bucket is full.
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
                    ":most": {"N": str(MAX_ORDERS)},
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
    """Return a hash of an address that does not depend on spaces and case."""
    parts = (address.street, address.postal_code, address.city, address.country)
    text = "\n".join("".join(part.casefold().split()) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _all_seen(item: "Mapping[str, AttributeValueTypeDef]") -> Iterator[Seen]:
    return (msgspec.json.decode(text, type=Seen) for text in item["seen"]["SS"])
