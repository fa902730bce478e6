"""A service's table on Amazon DynamoDB, as it is recovered."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidings.aws.dynamodb import Attributes, DynamoTable, from_attributes
from tidings.aws.recovery.refusals import reporting
from tidings.core.decisions import Numbers
from tidings.core.entity import StoredEntity
from tidings.core.ports import EntityWrite, VersionConflictError
from tidings.recovery.errors import RecoveryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENTITIES, OTHERS = "attribute_exists(#version)", "attribute_not_exists(#version)"
"""The filters of the items that are entities, and of all others."""


class DynamoServiceTable:
    """A service's table. It implements `tidings.recovery.ServiceTable`.

    Args:
        client: The client.
        name: The table's name.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._table = DynamoTable(client, name)

    def read(self, key: str) -> StoredEntity | None:
        """Return an entity as last written; None if it is not stored."""
        with reporting(f"{self._name} cannot be read"):
            return self._table.read([key]).get(key)

    def write(self, entity: StoredEntity) -> None:
        """Store an entity's next version by one conditional PutItem.

        Raises:
            RecoveryError: If another version than the one before it is stored.
        """
        try:
            with reporting(f"{self._name} cannot be written"):
                self._table.commit([EntityWrite(entity, entity.version - 1)])
        except VersionConflictError as conflict:
            # The client's own retry finds what its first request wrote.
            if conflict.found[entity.key] != entity:
                raise RecoveryError(f"another writer changed {entity.key} in {self._name}") from conflict

    def entities(self) -> Iterator[StoredEntity]:
        """Iterate over all entities by a consistent Scan."""
        return (from_attributes(item) for item in self._scan(ENTITIES))

    def counters(self) -> Iterator[tuple[str, str]]:
        """Iterate over the keys of all items that are no entities, each with an empty row."""
        return ((item["pk"]["S"], "") for item in self._scan(OTHERS))

    def set_numbers(self, key: str, _row: str, numbers: Numbers) -> None:
        """Set numbers of an item by one UpdateItem, and leave its other attributes as they are."""
        if not numbers:
            return
        with reporting(f"{self._name} cannot be written"):
            self._client.update_item(
                TableName=self._name,
                Key={"pk": {"S": key}},
                UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in range(len(numbers))),
                ExpressionAttributeNames={f"#{n}": name for n, name in enumerate(numbers)},
                ExpressionAttributeValues={f":{n}": {"N": str(number)} for n, number in enumerate(numbers.values())},
            )

    def _scan(self, condition: str) -> Iterator[Attributes]:
        with reporting(f"{self._name} cannot be read"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._name,
                FilterExpression=condition,
                ExpressionAttributeNames={"#version": "version"},
                ConsistentRead=True,
            )
            for page in pages:
                yield from page["Items"]
