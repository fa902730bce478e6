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
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef, UpdateTypeDef


MAX_ACTIONS = 100
"""Items of a transaction (Amazon DynamoDB API Reference, "TransactWriteItems")."""

MAX_BYTES = 3 * 1024 * 1024
"""Bytes of orders' items in a transaction; of the 4 MB allowed the rest is left to what is adjusted with them."""


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
        else:
            self._transact(writes, adjusts)

    def _transact(self, writes: Sequence[Write], adjusts: Sequence[Adjust]) -> None:
        puts: list[TransactWriteItemTypeDef] = [
            {"Put": conditional_put(self._name, write.item, write.expected)} for write in writes
        ]
        try:
            self._client.transact_write_items(TransactItems=[*puts, *self._updates(adjusts)])
        except ClientError as error:
            match _code(error):
                case "TransactionCanceledException":
                    raise _cancelled(_answer(error)["CancellationReasons"], writes, adjusts) from error
                case "TransactionInProgressException":
                    raise ConflictError("the same transaction is under way") from error
            raise

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


def lost_orders(reasons: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> Mapping[str, Attributes | None]:
    """The orders that cancelled a transaction; its reasons stand in the order of its items, the orders first."""
    return {
        write.order: reason.get("Item")
        for write, reason in zip(writes, reasons, strict=False)
        if reason.get("Code") == "ConditionalCheckFailed"
    }


def _cancelled(reasons: Sequence[Mapping[str, Any]], writes: Sequence[Write], adjusts: Sequence[Adjust]) -> Exception:
    """What a cancelled transaction's reasons mean."""
    if lost := lost_orders(reasons, writes):
        return LostError(lost)
    codes = {reason.get("Code", "None") for reason in reasons}
    if others := codes - {"None", "ConditionalCheckFailed"}:
        return ConflictError(f"the transaction was cancelled: {', '.join(sorted(others))}")
    failed = [
        (adjust, reason.get("Item"))
        for adjust, reason in zip(adjusts, reasons[len(writes) :], strict=True)
        if reason.get("Code") == "ConditionalCheckFailed"
    ]
    return RefusedError(Refused(tuple(failed)))
