"""The table ports on Amazon DynamoDB."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from tidings.core.decisions import EXPIRES, ConditionFailed, Increment, Numbers
from tidings.core.entity import InProgress, StoredEntity, reserved_key
from tidings.core.errors import ThrottledError, described
from tidings.core.ports import (
    ConditionFailedError,
    EntityWrite,
    StreamRecord,
    TransactionConflictError,
    VersionConflictError,
)
from tidings.core.strategy import SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        KeysAndAttributesOutputTypeDef,
        KeysAndAttributesTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

Attributes = Mapping[str, "AttributeValueTypeDef"]
"""An item in the form of DynamoDB's API: `{"pk": {"S": "…"}, …}`."""

RESERVED_NAMES = {"pk", SORT_KEY, "state", "format"}
"""The text attributes of an entity's item that are not its further attributes."""

MAX_READ = 100
"""Maximum number of items in one request (Amazon DynamoDB API Reference, "BatchGetItem")."""

MAX_READ_ATTEMPTS = 10
"""Number of requests for the keys that BatchGetItem left unprocessed."""

TRANSIENT = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""The reasons of a canceled transaction that may succeed when it is repeated."""

ENTITY_ROW = reserved_key("entity")
"""The sort key of an entity in a projection's table."""

REBUILDING = reserved_key("rebuilding")
"""The key of the item that exists while a projection is being rebuilt."""


class DynamoTable:
    """A table with the key `pk`, and in a projection's table the sort key `sk`."""

    def __init__(self, client: "DynamoDBClient", name: str, sort_key: str | None = None) -> None:
        self._client = client
        self._name = name
        self._sort_key = sort_key

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        """Return those of the entities that exist, by one consistent GetItem, or one BatchGetItem for each hundred."""
        if len(keys) == 1:
            answer = self._client.get_item(TableName=self._name, Key=self._key(keys[0]), ConsistentRead=True)
            items: Sequence[Attributes] = [answer["Item"]] if "Item" in answer else []
        else:
            items = read_all(self._client, self._name, [self._key(key) for key in keys])
        return {item["pk"]["S"]: from_attributes(item) for item in items}

    def numbers(self, key: str, row: str = "") -> Numbers:
        """Return an item's numbers, or none if the item does not exist, by one consistent GetItem."""
        answer = self._client.get_item(TableName=self._name, Key=self._key(key, row), ConsistentRead=True)
        return _numbers(answer.get("Item")) or {}

    def commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        """Store entities and increment items by one PutItem or one TransactWriteItems; see `Table.commit`."""
        if len(writes) == 1 and not increments:
            self._put(writes[0])
            return
        puts: list[TransactWriteItemTypeDef] = [{"Put": self._conditional_put(write)} for write in writes]
        updates: list[TransactWriteItemTypeDef] = [{"Update": self._update(increment)} for increment in increments]
        try:
            self._client.transact_write_items(TransactItems=[*puts, *updates])
        except ClientError as error:
            match _code(error):
                case "TransactionCanceledException" if failure := _canceled(error, writes, increments):
                    raise failure from error
                case "TransactionInProgressException":
                    raise TransactionConflictError("the same transaction is in progress") from error
            raise

    def _put(self, write: EntityWrite) -> None:
        try:
            self._client.put_item(**self._conditional_put(write))
        except ClientError as error:
            match _code(error):
                case "ConditionalCheckFailedException":
                    raise VersionConflictError({write.key: _stored(_members(error).get("Item"))}) from error
                case "TransactionConflictException":
                    raise TransactionConflictError("a transaction holds the item") from error
            raise

    def _conditional_put(self, write: EntityWrite) -> "PutTypeDef":
        """Return the put of an entity, on the condition that the expected version is stored."""
        put: PutTypeDef = {
            "TableName": self._name,
            "Item": {**to_attributes(write.entity), **self._key(write.key)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if write.expected:
            put["ConditionExpression"] = "#version = :expected"
            put["ExpressionAttributeNames"] = {"#version": "version"}
            put["ExpressionAttributeValues"] = {":expected": {"N": str(write.expected)}}
        return put

    def _update(self, increment: Increment) -> "UpdateTypeDef":
        alias = {name: f"#{n}" for n, name in enumerate({**increment.add, **increment.at_least})}
        sums = ", ".join(
            f"{alias[name]} = if_not_exists({alias[name]}, :start{n}) + :add{n}" for n, name in enumerate(increment.add)
        )
        update: UpdateTypeDef = {
            "TableName": self._name,
            "Key": self._key(increment.key, increment.row),
            "UpdateExpression": f"SET {sums}",
            "ExpressionAttributeNames": {short: name for name, short in alias.items()},
            "ExpressionAttributeValues": {
                **{f":add{n}": _number(by) for n, by in enumerate(increment.add.values())},
                **{f":start{n}": _number(increment.start.get(name, 0)) for n, name in enumerate(increment.add)},
                **{f":min{n}": _number(least) for n, least in enumerate(increment.at_least.values())},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if increment.at_least:
            conditions = (
                f"(attribute_not_exists({alias[name]}) OR {alias[name]} >= :min{n})"
                if increment.admits_missing(name)
                else f"{alias[name]} >= :min{n}"
                for n, name in enumerate(increment.at_least)
            )
            update["ConditionExpression"] = " AND ".join(conditions)
        if increment.expires is not None:
            update["UpdateExpression"] += ", #expires = if_not_exists(#expires, :expires)"
            update["ExpressionAttributeNames"] = {**update["ExpressionAttributeNames"], "#expires": EXPIRES}
            update["ExpressionAttributeValues"] = {
                **update["ExpressionAttributeValues"],
                ":expires": _number(increment.expires),
            }
        return update

    def _key(self, key: str, row: str = ENTITY_ROW) -> "dict[str, AttributeValueTypeDef]":
        parts: dict[str, AttributeValueTypeDef] = {"pk": {"S": key}}
        if self._sort_key:
            parts[self._sort_key] = {"S": row}
        return parts


# The stored form of entities


def to_attributes(entity: StoredEntity) -> "dict[str, AttributeValueTypeDef]":
    """Encode an entity as the attributes of its item."""
    attributes: dict[str, AttributeValueTypeDef] = {
        "pk": {"S": entity.key},
        "version": _number(entity.version),
        "state": {"S": entity.state},
    }
    if entity.inbox:
        attributes["inbox"] = {"L": [{"S": key} for key in entity.inbox]}
    if entity.outbox:
        attributes["outbox"] = {"L": [{"S": body} for body in entity.outbox]}
    if entity.in_progress:
        records = {key: {"S": f"{record.expires}/{record.token}"} for key, record in entity.in_progress.items()}
        attributes["in_progress"] = {"M": records}
    if entity.announces:
        attributes["announces"] = {"BOOL": True}
    if entity.erased:
        attributes["erased"] = {"BOOL": True}
    if entity.format:
        attributes["format"] = {"S": entity.format}
    return attributes | {name: {"S": text} for name, text in entity.attributes.items()}


def from_attributes(item: Attributes) -> StoredEntity:
    """Decode the attributes of an entity's item."""
    records = item.get("in_progress", {"M": {}})["M"]
    parts = {key: value["S"].partition("/") for key, value in records.items()}
    return StoredEntity(
        key=item["pk"]["S"],
        version=int(item["version"]["N"]),
        state=item["state"]["S"],
        inbox=tuple(key["S"] for key in item.get("inbox", {"L": []})["L"]),
        outbox=outbox_of(item),
        in_progress={key: InProgress(token, int(expires)) for key, (expires, _, token) in parts.items()},
        announces="announces" in item,
        erased="erased" in item,
        format=item.get("format", {"S": ""})["S"],
        attributes={name: value["S"] for name, value in item.items() if "S" in value and name not in RESERVED_NAMES},
    )


def outbox_of(item: Attributes) -> tuple[str, ...]:
    """Return the announced events in an item's attributes, oldest first."""
    return tuple(body["S"] for body in item.get("outbox", {"L": []})["L"])


def stream_record(record: Mapping[str, Any]) -> StreamRecord:
    """Decode a record of Lambda's DynamoDB stream event, whatever its item holds."""
    position = key = ""
    try:
        images = record["dynamodb"]
        position = images["SequenceNumber"]
        old, new = images.get("OldImage", {}), images.get("NewImage", {})
        key = new.get("pk", {}).get("S", "")
        before, after = outbox_of(old), outbox_of(new)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return StreamRecord(position, key=key, unreadable=described(error))
    if "announces" in new and not after:
        return StreamRecord(position, key=key, unreadable="the item has no outbox")
    return StreamRecord.of(position, before, after, key)


def read_all(client: "DynamoDBClient", table: str, keys: "Sequence[Attributes]") -> list[Attributes]:
    """Return those items of the keys that exist, unsorted, by one consistent BatchGetItem for each hundred.

    Raises:
        ThrottledError: If the table leaves keys unprocessed on every attempt.
    """
    items: list[Attributes] = []
    for start in range(0, len(keys), MAX_READ):
        wanted: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            table: {"Keys": keys[start : start + MAX_READ], "ConsistentRead": True}
        }
        for _ in range(MAX_READ_ATTEMPTS):
            answer = client.batch_get_item(RequestItems=wanted)
            items += answer["Responses"].get(table, [])
            wanted = answer["UnprocessedKeys"]
            if not wanted:
                break
        else:
            raise ThrottledError(f"the table {table} leaves items unread")
    return items


def is_rebuilding(client: "DynamoDBClient", table: str) -> bool:
    """Return whether a projection is being rebuilt, so that its numbers are incomplete, by one consistent Query."""
    answer = client.query(
        TableName=table,
        KeyConditionExpression="pk = :marker",
        ExpressionAttributeValues={":marker": {"S": REBUILDING}},
        ConsistentRead=True,
        Limit=1,
    )
    return bool(answer["Items"])


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _members(error: ClientError) -> Mapping[str, Any]:
    """Return the members of an error's response that the client's types do not declare."""
    return cast("Mapping[str, Any]", error.response)


def _canceled(error: ClientError, writes: Sequence[EntityWrite], increments: Sequence[Increment]) -> Exception | None:
    """Return the port's error for a canceled transaction, if there is one.

    The transaction's reasons are sorted like its items, the writes first.
    """
    reasons = _members(error)["CancellationReasons"]
    failed = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
    found = [reason.get("Item") for reason in reasons]
    if any(failed[: len(writes)]):
        return VersionConflictError({write.key: _stored(found[n]) for n, write in enumerate(writes) if failed[n]})
    codes = {reason.get("Code", "None") for reason in reasons} - {"None", "ConditionalCheckFailed"}
    if not codes <= TRANSIENT:
        return None
    if codes:
        return TransactionConflictError(f"the transaction was canceled: {', '.join(sorted(codes))}")
    failures = tuple(
        (increment, _numbers(found[n])) for n, increment in enumerate(increments, start=len(writes)) if failed[n]
    )
    return ConditionFailedError(ConditionFailed(failures))


def _stored(item: Attributes | None) -> StoredEntity | None:
    return from_attributes(item) if item else None


def _number(number: int) -> "AttributeValueTypeDef":
    return {"N": str(number)}


def _numbers(item: Attributes | None) -> Numbers | None:
    if item is None:
        return None
    return {name: int(value["N"]) for name, value in item.items() if "N" in value and name != EXPIRES}
