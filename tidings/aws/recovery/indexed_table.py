"""A service's table on Amazon DynamoDB, as its entities are put into its indexes again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidings.aws.dynamodb import from_attributes
from tidings.aws.recovery.refusals import reporting
from tidings.core.entity import StoredEntity

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef, UpdateItemInputTypeDef

PAGE_ITEMS = 200
"""Maximum number of items that one request examines. A run that broke off repeats one page at most."""


@dataclass(frozen=True)
class DynamoIndexedTable:
    """A table with the key `pk`. Its items with a state and a version have the form of entities.

    Attributes:
        client: The client.
        name: The table's name.
    """

    client: "DynamoDBClient"
    name: str

    def entities(self, after: str) -> Iterator[tuple[Sequence[StoredEntity], str]]:
        """Iterate over the pages of all items that have the form of entities, by consistent Scans."""
        request: ScanInputTypeDef = {
            "TableName": self.name,
            "FilterExpression": "attribute_exists(#state) AND attribute_exists(#version)",
            "ExpressionAttributeNames": {"#state": "state", "#version": "version"},
            "ConsistentRead": True,
            "Limit": PAGE_ITEMS,
        }
        position = after
        while True:
            if position:
                request["ExclusiveStartKey"] = {"pk": {"S": position}}
            with reporting(f"{self.name} cannot be read"):
                page = self.client.scan(**request)
            position = page["LastEvaluatedKey"]["pk"]["S"] if "LastEvaluatedKey" in page else ""
            yield [from_attributes(item) for item in page["Items"]], position
            if not position:
                return

    def rewrite(self, entity: StoredEntity, attributes: Mapping[str, str]) -> bool:
        """Replace an entity's further attributes by one UpdateItem, if its version is still the stored one.

        The table's stream has a record of it. It holds no new event, so the relay publishes nothing.
        """
        removed = [name for name in entity.attributes if name not in attributes]
        alias = {name: f"#{n}" for n, name in enumerate((*attributes, *removed))}
        sets = ", ".join(f"{alias[name]} = :{n}" for n, name in enumerate(attributes))
        removes = ", ".join(alias[name] for name in removed)
        request: UpdateItemInputTypeDef = {
            "TableName": self.name,
            "Key": {"pk": {"S": entity.key}},
            "UpdateExpression": " ".join(
                part for part in (f"SET {sets}" if sets else "", f"REMOVE {removes}" if removes else "") if part
            ),
            "ConditionExpression": "#version = :version",
            "ExpressionAttributeNames": {**{short: name for name, short in alias.items()}, "#version": "version"},
            "ExpressionAttributeValues": {
                ":version": {"N": str(entity.version)},
                **{f":{n}": {"S": value} for n, value in enumerate(attributes.values())},
            },
        }
        with reporting(f"{self.name} cannot be written"):
            try:
                self.client.update_item(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    return False
                raise
        return True
