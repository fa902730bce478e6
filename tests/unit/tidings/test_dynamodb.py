import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tidings.aws.dynamodb import MAX_READ_ATTEMPTS, DynamoTable, from_attributes, stream_record, to_attributes
from tidings.core.decisions import Increment
from tidings.core.entity import InProgress, StoredEntity
from tidings.core.errors import RetryableError
from tidings.core.ports import (
    ConditionFailedError,
    EntityWrite,
    TransactionConflictError,
    VersionConflictError,
)

NONE, FAILED, CONFLICT = "None", "ConditionalCheckFailed", "TransactionConflict"
FOUND = StoredEntity("a", version=2, state="{}")
SHELF = {"pk": {"S": "#shelf"}, "left": {"N": "3"}, "label": {"S": "tea"}}
TAKE = Increment("#shelf", {"left": -5, "lent": 5}, {"left": 5}, {"lent": 7})
COUNT = Increment("#group#0", {"n": 1}, row="row")


class StubClient:
    """The part of DynamoDB's client that the table calls. It has every entity that it is asked for."""

    def __init__(self, *, unprocessed: int = 0, error: ClientError | None = None) -> None:
        self.requests: list[Any] = []
        self._unprocessed = unprocessed
        self._error = error

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {} if request["Key"]["pk"]["S"] == "missing" else {"Item": _item(request["Key"])}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, wanted),) = request["RequestItems"].items()
        assert wanted["ConsistentRead"]
        self.requests.append(wanted["Keys"])
        left = wanted["Keys"][: self._unprocessed]
        self._unprocessed = max(0, self._unprocessed - 1)
        return {
            "Responses": {table: [_item(key) for key in wanted["Keys"][len(left) :]]},
            "UnprocessedKeys": {table: {**wanted, "Keys": left}} if left else {},
        }

    def put_item(self, **request: Any) -> None:
        self._write(request)

    def transact_write_items(self, **request: Any) -> None:
        self._write(request["TransactItems"])

    def _write(self, request: Any) -> None:
        self.requests.append(request)
        if self._error:
            raise self._error


def _item(key: Mapping[str, Any]) -> dict[str, Any]:
    return {**to_attributes(StoredEntity(key["pk"]["S"], version=2, state="{}")), **key}


def table(client: StubClient, sort_key: str | None = None) -> DynamoTable:
    return DynamoTable(cast(Any, client), "table", sort_key)


def canceled(*reasons: str | tuple[str, Mapping[str, Any]]) -> ClientError:
    """The error of a canceled transaction, by the code, or the code and the found item, of each item."""
    pairs = [reason if isinstance(reason, tuple) else (reason, None) for reason in reasons]
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": code} | ({"Item": item} if item else {}) for code, item in pairs],
    }
    return ClientError(answer, "TransactWriteItems")


def refused(code: str, **members: Any) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": ""}, **members}
    return ClientError(answer, "PutItem")


def write(key: str, expected: int = 0) -> EntityWrite:
    return EntityWrite(StoredEntity(key, version=expected + 1, state="{}"), expected)


def commit(client: StubClient, *increments: Increment) -> None:
    table(client).commit([write("a", 1), write("b")], increments or [TAKE])


# The stored form


def any_entity(rng: random.Random) -> StoredEntity:
    def texts(most: int) -> tuple[str, ...]:
        return tuple("".join(rng.choices('aé/#"{}', k=rng.randint(0, 5))) for _ in range(rng.randint(0, most)))

    return StoredEntity(
        key="entity",
        version=rng.randint(1, 2**53),
        state="".join(texts(3)),
        inbox=texts(4),
        outbox=texts(4),
        in_progress={key: InProgress("".join(texts(2)), rng.randint(0, 2**53)) for key in texts(3)},
        announces=rng.random() < 0.5,
        attributes=dict(zip(("owner", "rank", "inboxes"), texts(3), strict=False)),
        format=rng.choice(("", "1.1")),
    )


@pytest.mark.parametrize("sort_key", [None, "sk"])
def test_an_entity_is_read_as_it_was_written(rng: random.Random, sort_key: str | None) -> None:
    for _ in range(500):
        entity, client = any_entity(rng), StubClient()
        table(client, sort_key).commit([EntityWrite(entity, entity.version - 1)])
        (request,) = client.requests
        assert from_attributes(request["Item"]) == entity


def test_the_stored_attributes_have_the_names_of_the_patterns() -> None:
    entity = StoredEntity(
        "a",
        3,
        '{"words":[]}',
        ("test/1",),
        ("{}",),
        {"test/2": InProgress("x/y", 5)},
        True,
        {"owner": "someone"},
        format="1.1",
    )
    assert to_attributes(entity) == {
        "pk": {"S": "a"},
        "version": {"N": "3"},
        "state": {"S": '{"words":[]}'},
        "inbox": {"L": [{"S": "test/1"}]},
        "outbox": {"L": [{"S": "{}"}]},
        "in_progress": {"M": {"test/2": {"S": "5/x/y"}}},
        "announces": {"BOOL": True},
        "format": {"S": "1.1"},
        "owner": {"S": "someone"},
    }


def test_what_an_entity_does_not_have_takes_no_room() -> None:
    assert to_attributes(FOUND) == {"pk": {"S": "a"}, "version": {"N": "2"}, "state": {"S": "{}"}}


# The stream


def image(*outbox: str) -> dict[str, Any]:
    return to_attributes(StoredEntity("a", 1, "{}", outbox=outbox))


@pytest.mark.parametrize(
    ("images", "announced"),
    [
        ({"NewImage": image("one", "two")}, ["one", "two"]),
        ({"OldImage": image("one"), "NewImage": image("one", "two")}, ["two"]),
        ({"OldImage": image("one"), "NewImage": image("one")}, []),
        ({"OldImage": image("one")}, []),
        ({"NewImage": SHELF}, []),
    ],
    ids=["new", "changed", "nothing announced", "removed", "no entity"],
)
def test_a_stream_record_has_the_events_that_the_write_announced(
    images: dict[str, Any], announced: Sequence[str]
) -> None:
    record = stream_record({"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "12", **images}})
    assert record.position == "12"
    assert [event.body for event in record.announced] == announced


def test_a_stream_record_names_its_entity() -> None:
    record = stream_record({"dynamodb": {"SequenceNumber": "12", "NewImage": image("one")}})
    assert (record.key, record.unreadable) == ("a", "")


@pytest.mark.parametrize(
    ("record", "position", "key"),
    [
        ({}, "", ""),
        ({"dynamodb": None}, "", ""),
        ({"dynamodb": {"NewImage": image("one")}}, "", ""),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": None}}, "12", ""),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": {"pk": "a"}}}, "12", ""),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": image() | {"outbox": {"S": "one"}}}}, "12", "a"),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": image() | {"outbox": {"L": [{"N": "1"}]}}}}, "12", "a"),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": image() | {"outbox": {"L": [None]}}}}, "12", "a"),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": image() | {"outbox": "one"}}}, "12", "a"),
        ({"dynamodb": {"SequenceNumber": "12", "NewImage": image() | {"announces": {"BOOL": True}}}}, "12", "a"),
        (
            {"dynamodb": {"SequenceNumber": "12", "OldImage": {"outbox": None}, "NewImage": image("one")}},
            "12",
            "a",
        ),
    ],
)
def test_a_stream_record_that_cannot_be_read_is_no_error(record: dict[str, Any], position: str, key: str) -> None:
    found = stream_record(record)
    assert (found.position, found.key, found.announced) == (position, key, ())
    assert found.unreadable


# Reading


@pytest.mark.parametrize(
    ("sort_key", "key"), [(None, {"pk": {"S": "a"}}), ("sk", {"pk": {"S": "a"}, "sk": {"S": "#entity"}})]
)
def test_one_entity_is_read_by_one_consistent_request(sort_key: str | None, key: dict[str, Any]) -> None:
    client = StubClient()
    assert table(client, sort_key).read(["a"]) == {"a": FOUND}
    assert client.requests == [{"TableName": "table", "Key": key, "ConsistentRead": True}]
    assert table(client).read(["missing"]) == {}


def test_entities_are_read_a_hundred_at_a_time() -> None:
    client = StubClient()
    assert len(table(client).read([f"entity-{n}" for n in range(250)])) == 250
    assert [len(keys) for keys in client.requests] == [100, 100, 50]


def test_unprocessed_keys_are_read_again() -> None:
    client = StubClient(unprocessed=3)
    assert set(table(client).read(["a", "b", "c", "d"])) == {"a", "b", "c", "d"}
    assert [len(keys) for keys in client.requests] == [4, 3, 2, 1]


def test_a_read_whose_keys_stay_unprocessed_is_retried_later() -> None:
    client = StubClient(unprocessed=1_000)
    with pytest.raises(RetryableError):
        table(client).read([f"entity-{n}" for n in range(100)])
    assert len(client.requests) == MAX_READ_ATTEMPTS


# Writing


def test_one_entity_is_written_by_one_put() -> None:
    client = StubClient()
    table(client, "sk").commit([write("a", 1)])
    (request,) = client.requests
    assert request["Item"] == {**to_attributes(FOUND), "sk": {"S": "#entity"}}
    assert request["ConditionExpression"] == "#version = :expected"
    assert request["ExpressionAttributeValues"] == {":expected": {"N": "1"}}


def test_entities_and_increments_are_one_transaction() -> None:
    client = StubClient()
    commit(client)
    ((first, second, third),) = client.requests
    assert first["Put"]["ConditionExpression"] == "#version = :expected"
    assert second["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert third["Update"]["Key"] == {"pk": {"S": "#shelf"}}


def test_an_increment_adds_to_each_number_from_its_start_on_its_condition() -> None:
    client = StubClient()
    commit(client)
    update = client.requests[0][2]["Update"]
    assert update["UpdateExpression"] == (
        "SET #0 = if_not_exists(#0, :start0) + :add0, #1 = if_not_exists(#1, :start1) + :add1"
    )
    assert update["ConditionExpression"] == "#0 >= :min0"
    assert update["ExpressionAttributeNames"] == {"#0": "left", "#1": "lent"}
    assert {name: int(value["N"]) for name, value in update["ExpressionAttributeValues"].items()} == {
        ":add0": -5,
        ":add1": 5,
        ":start0": 0,
        ":start1": 7,
        ":min0": 5,
    }


def test_a_missing_number_that_starts_from_enough_meets_its_minimum() -> None:
    client = StubClient()
    take = Increment("#shelf", {"left": -1, "once": -1}, {"left": 1, "once": 1, "kept": 1}, {"left": 1, "once": 0})
    table(client).commit([write("a")], [take])
    ((_, request),) = client.requests
    assert request["Update"]["ConditionExpression"] == (
        "(attribute_not_exists(#0) OR #0 >= :min0) AND #1 >= :min1 AND #2 >= :min2"
    )


def test_an_increment_sets_when_its_item_expires_unless_that_is_set() -> None:
    client = StubClient()
    table(client).commit([write("a")], [Increment("#shelf", {"left": 1}, expires=2_000_000_000)])
    ((_, request),) = client.requests
    update = request["Update"]
    assert update["UpdateExpression"].endswith(", #expires = if_not_exists(#expires, :expires)")
    assert update["ExpressionAttributeNames"] == {"#0": "left", "#expires": "expires"}
    assert update["ExpressionAttributeValues"][":expires"] == {"N": "2000000000"}


def test_when_an_item_expires_is_none_of_its_numbers() -> None:
    expiring = {**SHELF, "expires": {"N": "2000000000"}}
    with pytest.raises(ConditionFailedError) as error:
        table(StubClient(error=canceled(NONE, (FAILED, expiring)))).commit([write("a")], [TAKE])
    assert error.value.failed.failures == ((TAKE, {"left": 3}),)


def test_a_number_may_have_a_condition_without_being_incremented() -> None:
    client = StubClient()
    commit(client, Increment("#shelf", {"lent": 1}, {"open": 1, "lent": 2}))
    update = client.requests[0][2]["Update"]
    assert update["ExpressionAttributeNames"] == {"#0": "lent", "#1": "open"}
    assert update["ConditionExpression"] == "#1 >= :min0 AND #0 >= :min1"


def test_in_a_table_with_a_sort_key_an_increment_is_of_a_row() -> None:
    client = StubClient()
    table(client, "sk").commit([write("a")], [COUNT])
    ((put, update),) = client.requests
    assert put["Put"]["Item"]["sk"] == {"S": "#entity"}
    assert update["Update"]["Key"] == {"pk": {"S": "#group#0"}, "sk": {"S": "row"}}
    assert "ConditionExpression" not in update["Update"]


# Failures


@pytest.mark.parametrize(("item", "found"), [(to_attributes(FOUND), FOUND), (None, None)])
def test_a_put_that_finds_another_version_returns_it(item: Any, found: StoredEntity | None) -> None:
    error = refused("ConditionalCheckFailedException", **({"Item": item} if item else {}))
    with pytest.raises(VersionConflictError) as conflict:
        table(StubClient(error=error)).commit([write("a", 5)])
    assert conflict.value.found == {"a": found}


def test_entities_of_another_version_are_returned_as_they_are_now() -> None:
    with pytest.raises(VersionConflictError) as conflict:
        commit(StubClient(error=canceled((FAILED, to_attributes(FOUND)), NONE, CONFLICT)))
    assert conflict.value.found == {"a": FOUND}


def test_an_entity_that_does_not_exist_is_a_version_conflict_too() -> None:
    with pytest.raises(VersionConflictError) as conflict:
        commit(StubClient(error=canceled(FAILED, (FAILED, _item({"pk": {"S": "b"}})), NONE)))
    assert conflict.value.found == {"a": None, "b": StoredEntity("b", version=2, state="{}")}


def test_a_version_conflict_comes_before_a_failed_condition() -> None:
    with pytest.raises(VersionConflictError) as conflict:
        commit(StubClient(error=canceled((FAILED, to_attributes(FOUND)), NONE, (FAILED, SHELF))))
    assert conflict.value.found == {"a": FOUND}


def test_a_failed_condition_returns_the_numbers_that_were_found() -> None:
    other = Increment("#other", {"left": -1}, {"left": 1})
    with pytest.raises(ConditionFailedError) as error:
        commit(StubClient(error=canceled(NONE, NONE, NONE, (FAILED, SHELF), FAILED)), COUNT, TAKE, other)
    assert error.value.failed.failures == ((TAKE, {"left": 3}), (other, None))


TRANSIENT = [
    (NONE, NONE, CONFLICT),
    ("ThrottlingError", NONE, NONE),
    (NONE, NONE, "ProvisionedThroughputExceeded"),
    ("ThrottlingError", NONE, CONFLICT),
    (CONFLICT, NONE, (FAILED, SHELF)),
]


@pytest.mark.parametrize("reasons", TRANSIENT)
def test_a_transaction_that_was_canceled_for_a_transient_reason_is_a_transaction_conflict(reasons: Any) -> None:
    with pytest.raises(TransactionConflictError):
        commit(StubClient(error=canceled(*reasons)))


def test_a_transaction_or_an_item_in_use_is_a_transaction_conflict() -> None:
    with pytest.raises(TransactionConflictError):
        commit(StubClient(error=refused("TransactionInProgressException")))
    with pytest.raises(TransactionConflictError):
        table(StubClient(error=refused("TransactionConflictException"))).commit([write("a")])


def test_a_transaction_that_can_never_succeed_is_no_transaction_conflict() -> None:
    error = canceled(NONE, "ValidationError", CONFLICT)
    with pytest.raises(ClientError) as raised:
        commit(StubClient(error=error))
    assert (raised.value, raised.value.__cause__) == (error, None)


@pytest.mark.parametrize("code", ["ValidationException", "InternalServerError"])
def test_any_other_error_is_unknown(code: str) -> None:
    with pytest.raises(ClientError):
        commit(StubClient(error=refused(code)))
    with pytest.raises(ClientError):
        table(StubClient(error=refused(code))).commit([write("a")])
