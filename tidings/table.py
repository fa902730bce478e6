"""A service's table: the port that reactions write through, and DynamoDB behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import ClientError

from tidings.decisions import Adjust, Refused
from tidings.errors import RetryableError
from tidings.item import Attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        KeysAndAttributesOutputTypeDef,
        KeysAndAttributesTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )


MAX_ACTIONS = 100
"""Items of a transaction (Amazon DynamoDB API Reference, "TransactWriteItems")."""

MAX_READ = 100
"""Items of a reading (Amazon DynamoDB API Reference, "BatchGetItem")."""

MAX_READINGS = 10
"""How often what a reading has left is asked for again."""

MAX_BYTES = 3 * 1024 * 1024
"""Bytes of orders' items in a transaction; of the 4 MB allowed the rest is left to what is adjusted with them."""

BUSY = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Why a transaction is cancelled that may well succeed when it comes again."""


@dataclass(frozen=True)
class Write:
    """An order's item as it shall be, where its version is still `expected` (0: there is none)."""

    order: str
    item: Attributes
    expected: int


class LostError(Exception):
    """Somebody else wrote these orders first; `found` is what each is now, None where there is none."""

    def __init__(self, found: Mapping[str, Attributes | None]) -> None:
        super().__init__(f"no longer what was read: {', '.join(found)}")
        self.found = found


class RefusedError(Exception):
    """An adjustment's condition did not hold, and so nothing was written."""

    def __init__(self, refused: Refused) -> None:
        super().__init__("an adjustment was refused")
        self.refused = refused


class ConflictError(RetryableError):
    """Another transaction holds one of the items at this moment; nothing was written."""


class Table(Protocol):
    """What a reaction needs of a table. Any other error of it means: unknown whether it was done, try again."""

    def get(self, key: str) -> Attributes | None:
        """The item as last written, or None."""

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        """Stores orders' items and adjusts other items with them, at most `MAX_ACTIONS` together, none twice.

        All or nothing: LostError, RefusedError or ConflictError, and then nothing was written.
        """


class DynamoTable:
    """A table in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: str) -> Attributes | None:
        """One consistent GetItem."""
        answer = self._client.get_item(TableName=self._name, Key={"pk": {"S": key}}, ConsistentRead=True)
        return answer.get("Item")

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        """One TransactWriteItems, or one PutItem where there is one order and nothing else."""
        if len(writes) == 1 and not adjusts:
            self._put(writes[0])
            return
        puts: list[TransactWriteItemTypeDef] = [
            {"Put": conditional_put(self._name, write.item, write.expected)} for write in writes
        ]
        transact(self._client, [*puts, *self._updates(adjusts)], writes, adjusts)

    def _put(self, write: Write) -> None:
        try:
            self._client.put_item(**conditional_put(self._name, write.item, write.expected))
        except ClientError as error:
            match _code(error):
                case "ConditionalCheckFailedException":
                    raise LostError({write.order: _answer(error).get("Item")}) from error
                case "TransactionConflictException":
                    raise ConflictError("a transaction holds the item") from error
            raise

    def _updates(self, adjusts: Sequence[Adjust]) -> Iterator["TransactWriteItemTypeDef"]:
        return ({"Update": self._update(adjust)} for adjust in adjusts)

    def _update(self, adjust: Adjust) -> "UpdateTypeDef":
        alias = {name: f"#{name}" for name in {**adjust.add, **adjust.at_least}}
        update: UpdateTypeDef = {
            "TableName": self._name,
            "Key": {"pk": {"S": adjust.key}},
            "UpdateExpression": "ADD " + ", ".join(f"{alias[name]} :add_{name}" for name in adjust.add),
            "ExpressionAttributeNames": {short: name for name, short in alias.items()},
            "ExpressionAttributeValues": {
                **{f":add_{name}": {"N": str(by)} for name, by in adjust.add.items()},
                **{f":min_{name}": {"N": str(least)} for name, least in adjust.at_least.items()},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if adjust.at_least:
            update["ConditionExpression"] = " AND ".join(f"{alias[name]} >= :min_{name}" for name in adjust.at_least)
        return update


def transact(
    client: "DynamoDBClient",
    items: "Sequence[TransactWriteItemTypeDef]",
    writes: Sequence[Write],
    adjusts: Sequence[Adjust] = (),
) -> None:
    """One TransactWriteItems of these items: those of `writes` first, then those of `adjusts`, then any others.

    LostError, RefusedError or ConflictError, and then nothing was written.
    """
    try:
        client.transact_write_items(TransactItems=items)
    except ClientError as error:
        match _code(error):
            case "TransactionCanceledException":
                raise _cancelled(error, writes, adjusts) from error
            case "TransactionInProgressException":
                raise ConflictError("the same transaction is under way") from error
        raise


def read_all(client: "DynamoDBClient", table: str, keys: "Sequence[Attributes]") -> list[Attributes]:
    """The items of these keys that there are, in no order, by one consistent BatchGetItem for each hundred.

    RetryableError where the table leaves some unread again and again.
    """
    items: list[Attributes] = []
    for start in range(0, len(keys), MAX_READ):
        wanted: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            table: {"Keys": keys[start : start + MAX_READ], "ConsistentRead": True}
        }
        for _ in range(MAX_READINGS):
            answer = client.batch_get_item(RequestItems=wanted)
            items += answer["Responses"].get(table, [])
            wanted = answer["UnprocessedKeys"]
            if not wanted:
                break
        else:
            raise RetryableError(f"the table {table} leaves items unread")
    return items


def conditional_put(table: str, item: Attributes, expected: int) -> "PutTypeDef":
    """The put of an item whose version is still `expected` (0: there is none); a refusal brings what was found."""
    put: PutTypeDef = {
        "TableName": table,
        "Item": item,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    if expected:
        put["ConditionExpression"] = "#version = :expected"
        put["ExpressionAttributeNames"] = {"#version": "version"}
        put["ExpressionAttributeValues"] = {":expected": {"N": str(expected)}}
    return put


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _answer(error: ClientError) -> Mapping[str, Any]:
    """The error's own members beside its code, which the client's types know nothing of."""
    return cast("Mapping[str, Any]", error.response)


def _cancelled(error: ClientError, writes: Sequence[Write], adjusts: Sequence[Adjust]) -> Exception:
    """What it means that a transaction was cancelled; its reasons stand in the order of its items, the orders first."""
    reasons = _answer(error)["CancellationReasons"]
    failed = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
    found = [reason.get("Item") for reason in reasons]
    if any(failed[: len(writes)]):
        return LostError({write.order: found[n] for n, write in enumerate(writes) if failed[n]})
    codes = {reason.get("Code", "None") for reason in reasons} - {"None", "ConditionalCheckFailed"}
    if not codes <= BUSY:
        return error
    if codes:
        return ConflictError(f"the transaction was cancelled: {', '.join(sorted(codes))}")
    refused = ((adjust, found[n]) for n, adjust in enumerate(adjusts, start=len(writes)) if failed[n])
    return RefusedError(Refused(tuple(refused)))
