"""The log of events with personal data, on an emulated table."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from contracts.orders.order_cancelled import OrderCancelled
from contracts.privacy.personal_data_erased import PersonalDataErased
from functions.history.client import HistoryClient
from functions.history.log import ERASED, HAS_PERSONAL, PERSONAL_ITEM, Log
from tests.unit.facts import HOME, NOON_MILLIS, ORDER, RECIPIENT, fact, order_confirmed, order_id, order_placed
from tidings.core.entity import EventHead
from tidings.core.errors import PermanentError
from tidings.core.event import Event, decode, encode, without_personal
from tidings.core.personal import with_personal
from tidings.messaging.consumer import parse_any
from tidings.recovery import LoggedEvent, UnreadableEvent
from tidings.testing import InlineExecutor, VirtualClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "history"
PLACED = fact(order_placed())
CONFIRMED = fact(order_confirmed(), n=2)
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
ERASURE = fact(PersonalDataErased(reason="customer"))
ERASURE_AGAIN = fact(PersonalDataErased(reason="retention"), n=2)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        keys = {"pk": "HASH", "id": "RANGE"}
        index = {"bucket": "HASH", "position": "RANGE"}
        client.create_table(
            TableName=TABLE,
            KeySchema=_schema(keys),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (*keys, *index)],
            GlobalSecondaryIndexes=[
                {"IndexName": "by-time", "KeySchema": _schema(index), "Projection": {"ProjectionType": "ALL"}}
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def _schema(keys: dict[str, str]) -> Any:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]


@pytest.fixture
def log(client: "DynamoDBClient") -> Log:
    return Log(client, TABLE, VirtualClock(NOON_MILLIS))


def record(log: Log, *events: Event[Any]) -> None:
    for event in events:
        log.record(parse_any(encode(event)))


def items(client: "DynamoDBClient", order: str = ORDER) -> dict[str, Any]:
    found = client.scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: item for item in found if item["pk"]["S"] == order}


def bodies(client: "DynamoDBClient", order: str = ORDER) -> dict[str, str]:
    """Return the texts that a replay sends, by the event's id, as both readers return them."""
    history = HistoryClient(client, TABLE, "1", "by-time", InlineExecutor())
    by_time = list(history.read("2026-01-31T12:00:00.000Z", "2026-01-31T13:00:00.000Z"))
    of_order = history.read_entity(order)
    assert [each for each in (*by_time, *of_order) if isinstance(each, UnreadableEvent)] == []
    found = {each.event.id: each.body for each in of_order if isinstance(each, LoggedEvent)}
    read = {
        each.event.id: each.body for each in by_time if isinstance(each, LoggedEvent) and each.event.subject == order
    }
    assert read == found
    return found


def contains_address(client: "DynamoDBClient") -> bool:
    return HOME.street in str(client.scan(TableName=TABLE)["Items"])


def test_an_event_is_stored_without_its_personal_data_which_is_in_one_item_of_the_order(
    client: "DynamoDBClient", log: Log
) -> None:
    record(log, PLACED, CONFIRMED, CANCELLED)
    found = items(client)
    for event in (PLACED, CONFIRMED):
        assert found[event.id]["event"] == {"S": encode(without_personal(event))}
        assert found[event.id][HAS_PERSONAL] == {"BOOL": True}
        assert found[PERSONAL_ITEM][event.id] == {"S": event.personal}
    assert HAS_PERSONAL not in found[CANCELLED.id]
    assert set(found[PERSONAL_ITEM]) == {"pk", "id", PLACED.id, CONFIRMED.id}


def test_a_replay_sends_each_event_as_it_was_published(client: "DynamoDBClient", log: Log) -> None:
    record(log, PLACED, CONFIRMED, CANCELLED)
    assert bodies(client) == {event.id: encode(event) for event in (PLACED, CONFIRMED, CANCELLED)}


def test_a_timeline_shows_no_personal_data(log: Log) -> None:
    record(log, PLACED)
    (event,) = log.events(ORDER)
    assert HOME.street not in str(event)


def test_an_event_of_an_unknown_contract_is_stored_apart_from_its_personal_data_too(
    client: "DynamoDBClient", log: Log
) -> None:
    text = encode(PLACED).replace('"OrderPlaced"', '"NeverHeardOf"').replace('"data":{', '"data":{"newer":1.50,')
    log.record(parse_any(text))
    assert HOME.street not in items(client)[PLACED.id]["event"]["S"]
    assert bodies(client) == {PLACED.id: text}


def test_an_erasure_deletes_an_orders_personal_data_and_keeps_the_rest(client: "DynamoDBClient", log: Log) -> None:
    other = fact(order_placed(), order=order_id(2))
    record(log, PLACED, CANCELLED, other, ERASURE)
    assert items(client)[PERSONAL_ITEM] == {"pk": {"S": ORDER}, "id": {"S": PERSONAL_ITEM}, ERASED: {"BOOL": True}}
    left = {event.id: encode(without_personal(event)) for event in (PLACED, CANCELLED, ERASURE)}
    assert bodies(client) == left
    assert bodies(client, order_id(2)) == {other.id: encode(other)}


@pytest.mark.parametrize("before", [(), (PLACED,)])
def test_after_an_erasure_no_event_brings_personal_data_back(
    client: "DynamoDBClient", log: Log, before: tuple[Event[Any], ...]
) -> None:
    record(log, *before, ERASURE, PLACED, CONFIRMED, ERASURE, PLACED)
    assert not contains_address(client)
    assert HAS_PERSONAL not in items(client)[CONFIRMED.id]
    assert bodies(client).keys() == {PLACED.id, CONFIRMED.id, ERASURE.id}


def test_repeats_are_recorded_once(client: "DynamoDBClient", log: Log) -> None:
    record(log, PLACED)
    before = items(client)
    log = Log(client, TABLE, VirtualClock(NOON_MILLIS + 1000))
    record(log, PLACED)
    assert items(client) == before
    record(log, ERASURE, ERASURE_AGAIN)
    erased = items(client)
    record(Log(client, TABLE, VirtualClock(NOON_MILLIS + 2000)), ERASURE, ERASURE_AGAIN, PLACED)
    assert items(client) == erased


def test_two_events_of_an_order_keep_the_personal_data_of_both_whichever_is_recorded_first(
    client: "DynamoDBClient", log: Log
) -> None:
    record(log, CONFIRMED, PLACED)
    personal = items(client)[PERSONAL_ITEM]
    assert (personal[PLACED.id]["S"], personal[CONFIRMED.id]["S"]) == (PLACED.personal, CONFIRMED.personal)
    assert RECIPIENT.email not in personal[CONFIRMED.id]["S"]


def test_a_failed_transaction_leaves_nothing_and_the_event_is_recorded_when_it_comes_again(
    client: "DynamoDBClient", log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for event in (PLACED, ERASURE):
        with monkeypatch.context() as patch:
            patch.setattr(client, "transact_write_items", _conflicting(client))
            with pytest.raises(client.exceptions.TransactionCanceledException):
                record(log, event)
        assert event.id not in items(client)
        record(log, event)
        assert event.id in items(client)


def _conflicting(client: "DynamoDBClient") -> Any:
    def fail(**_request: Any) -> None:
        error: Any = {"Error": {"Code": "TransactionCanceledException", "Message": ""}}
        reasons = {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]}
        raise client.exceptions.TransactionCanceledException(error | reasons, "TransactWriteItems")

    return fail


def conflict(log: Log, text: str) -> str:
    """Record a text that conflicts with what is recorded, and return the error's text."""
    with pytest.raises(PermanentError) as refusal:
        log.record(parse_any(text))
    assert refusal.value.reason == "conflicting-body"
    return str(refusal.value)


def test_an_event_whose_id_is_recorded_with_another_body_is_refused_and_nothing_is_overwritten(
    client: "DynamoDBClient",
) -> None:
    counts: list[Mapping[str, int]] = []
    log = Log(client, TABLE, VirtualClock(NOON_MILLIS), counts.append)
    record(log, PLACED, CONFIRMED, CANCELLED, ERASURE_AGAIN)
    before = items(client)
    for event in (PLACED, CONFIRMED, CANCELLED, ERASURE_AGAIN):
        assert conflict(log, encode(event).replace("12:00:00.000Z", "12:00:00.001Z")) == (
            f"{event.id} is recorded with another body"
        )
        assert items(client) == before
    assert counts == [{"ConflictingBodies": 1}] * 4
    record(log, PLACED, CONFIRMED, CANCELLED, ERASURE_AGAIN)
    assert len(counts) == 4


def test_an_erasure_under_the_id_of_another_event_erases_nothing(client: "DynamoDBClient", log: Log) -> None:
    record(log, PLACED)
    forged = encode(without_personal(PLACED)).replace("OrderPlaced", "PersonalDataErased")
    conflict(log, forged)
    assert contains_address(client)


def test_personal_data_of_an_event_that_is_refused_is_not_kept(client: "DynamoDBClient", log: Log) -> None:
    record(log, CANCELLED)
    conflict(log, with_personal(encode(CANCELLED).replace("customer", "timeout"), '{"name":"Mallory"}'))
    assert "Mallory" not in str(client.scan(TableName=TABLE)["Items"])


@pytest.mark.parametrize("first", [PLACED, without_personal(PLACED)])
def test_an_event_is_the_same_with_and_without_its_personal_data_and_in_any_notation(
    client: "DynamoDBClient", log: Log, first: Event[Any]
) -> None:
    record(log, first)
    before = items(client)
    for event in (PLACED, without_personal(PLACED)):
        record(log, event)
        log.record(parse_any(json.dumps(dict(reversed(json.loads(encode(event)).items())), indent=1)))
    assert items(client) == before


def test_an_event_whose_record_somebody_spoiled_is_refused(client: "DynamoDBClient", log: Log) -> None:
    record(log, CANCELLED)
    client.put_item(TableName=TABLE, Item={**items(client)[CANCELLED.id], "event": {"S": "by hand"}})
    conflict(log, encode(CANCELLED))
    client.put_item(TableName=TABLE, Item={"pk": {"S": ORDER}, "id": {"S": CANCELLED.id}})
    conflict(log, encode(CANCELLED))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "7", HOME.street])
def test_an_item_with_personal_data_that_holds_no_event_stops_no_reader(
    client: "DynamoDBClient", log: Log, text: str
) -> None:
    record(log, PLACED, CONFIRMED)
    client.put_item(TableName=TABLE, Item={**items(client)[PLACED.id], "event": {"S": text}})
    found = HistoryClient(client, TABLE, "1", "by-time", InlineExecutor()).read_entity(ORDER)
    assert [type(each) for each in found] == [LoggedEvent, UnreadableEvent]
    assert HOME.street not in str(found[1])


def test_a_joined_event_is_decoded_as_the_published_one(client: "DynamoDBClient", log: Log) -> None:
    record(log, PLACED)
    assert decode(bodies(client)[PLACED.id]) == decode(encode(PLACED))


def test_events_are_found_by_their_ids_without_personal_data_however_many_there_are(
    client: "DynamoDBClient", log: Log
) -> None:
    many = [fact(OrderCancelled(reason="customer"), n=n) for n in range(1, 251)]
    record(log, *many, ERASURE)
    other = fact(order_placed(), order=order_id(2))
    record(log, other)
    history = HistoryClient(client, TABLE, "1", "by-time", InlineExecutor())
    events = [*many, ERASURE, other, other]
    heads = [EventHead(event.id, event.type, event.subject) for event in events]
    unknown = EventHead("orders/x/1", "OrderPlaced", "x")
    assert history.find([*heads, unknown]) == {event.id: encode(without_personal(event)) for event in events}
    assert history.find([]) == {}


def test_a_record_without_a_body_is_found(client: "DynamoDBClient") -> None:
    client.put_item(TableName=TABLE, Item={"pk": {"S": ORDER}, "id": {"S": PLACED.id}})
    history = HistoryClient(client, TABLE, "1", "by-time", InlineExecutor())
    assert history.find([EventHead(PLACED.id, "OrderPlaced", ORDER)]) == {PLACED.id: ""}
