import json
from typing import Any

import pytest
from msgspec import UNSET

from tests.unit.facts import NOON_MILLIS, ORDER, fact, order_placed
from tests.unit.tidings.example import Answered, Asked
from tidings.contracts import OrderPlaced
from tidings.errors import PermanentError
from tidings.events import MAX_EVENT_BYTES, Contract, Contracts, decode, encode, event_id, with_data


def body(**changes: Any) -> str:
    """An event's JSON with some attributes changed, or left out where they are UNSET."""
    attributes = json.loads(encode(fact(Asked()))) | changes
    return json.dumps({name: value for name, value in attributes.items() if value is not UNSET})


def reason_of(text: str) -> str:
    with pytest.raises(PermanentError) as refusal:
        decode(text)
    return refusal.value.reason


def contract_reason_of(text: str) -> str:
    with pytest.raises(PermanentError) as refusal:
        Contracts([Asked, OrderPlaced]).decode(decode(text))
    return refusal.value.reason


def test_an_event_is_read_as_it_was_written() -> None:
    event = fact(order_placed(), n=3, cause="payment/order-1/1")
    assert Contracts([OrderPlaced]).decode(decode(encode(event))) == event


def test_an_id_names_the_source_the_order_and_the_number() -> None:
    assert event_id("payment", ORDER, 2) == f"payment/{ORDER}/2"


def test_an_event_is_a_cloud_event_in_structured_json() -> None:
    attributes = json.loads(encode(fact(Asked(question="where?"))))
    assert attributes["specversion"] == "1.0"
    assert attributes["datacontenttype"] == "application/json"
    assert attributes["dataschema"] == "urn:tidings:Asked:1"
    assert attributes["type"] == "Asked"
    assert attributes["data"] == {"question": "where?"}


def test_what_a_command_brought_about_names_no_cause() -> None:
    assert "causationid" not in json.loads(encode(fact(Asked())))


def test_its_time_is_read_to_the_millisecond() -> None:
    assert fact(Asked(), time="2026-01-31T12:00:00.007Z").millis == NOON_MILLIS + 7


def test_attributes_that_nobody_knows_are_ignored() -> None:
    assert decode(body(colour="red", nested={"a": [1, None]})).id == fact(Asked()).id


def test_data_of_another_form_leaves_the_rest_as_it_is() -> None:
    event = fact(Asked(), cause="payment/order-1/1")
    other = with_data(event, Answered(text="so"))
    assert other.data == Answered(text="so")
    assert with_data(other, event.data) == event


@pytest.mark.parametrize("text", ["", "{", "no JSON", '{"id": "\\ud800"}', "\ud800", '{"id": "\udfff"}', "\x00"])
def test_what_is_not_json_cannot_be_decoded(text: str) -> None:
    assert reason_of(text) == "undecodable"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"', "{}"])
def test_json_of_another_kind_is_not_an_event(text: str) -> None:
    assert reason_of(text) == "not-an-event"


@pytest.mark.parametrize(
    "name",
    ["id", "source", "type", "dataschema", "subject", "time", "sequence", "correlationid", "traceparent", "data"],
)
def test_an_event_without_one_of_its_attributes_is_not_an_event(name: str) -> None:
    assert reason_of(body(**{name: UNSET})) == "not-an-event"


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"datacontenttype": "text/plain"},
        {"sequence": 0},
        {"sequence": "1"},
        {"sequence": 1.5},
        {"subject": ""},
        {"source": "s" * 65},
        {"correlationid": "c" * 129},
        {"causationid": None},
    ],
)
def test_an_attribute_out_of_its_bounds_makes_it_not_an_event(changes: dict[str, Any]) -> None:
    assert reason_of(body(**changes)) == "not-an-event"


@pytest.mark.parametrize("changes", [{"source": "payment"}, {"subject": "order-2"}, {"sequence": 2}, {"id": "1"}])
def test_an_id_that_is_not_its_source_subject_and_sequence_makes_it_not_an_event(changes: dict[str, Any]) -> None:
    assert reason_of(body(**changes)) == "not-an-event"


@pytest.mark.parametrize("time", ["noon", "2026-01-31T12:00:00", "2026-02-30T00:00:00Z", ""])
def test_a_time_that_cannot_be_read_is_found_out_at_once(time: str) -> None:
    assert reason_of(body(time=time))


def test_an_event_is_as_long_as_cloud_events_allow_and_no_longer() -> None:
    longest = body(filler="x" * (MAX_EVENT_BYTES - len(body(filler=""))))
    assert len(longest) == MAX_EVENT_BYTES
    assert decode(longest).subject == ORDER
    assert reason_of(longest + " ") == "oversized"


def test_an_events_length_is_that_of_its_bytes() -> None:
    assert reason_of(body(filler="").replace('""', f'"{"é" * (MAX_EVENT_BYTES // 2)}"')) == "oversized"
    assert reason_of("\ud800" * MAX_EVENT_BYTES) == "oversized"


def test_data_nested_without_end_cannot_be_decoded() -> None:
    depth = 20_000
    assert reason_of(body(data=0).replace('"data": 0', f'"data": {"[" * depth}{"]" * depth}')) == "undecodable"


@pytest.mark.parametrize("text", ["żółć 🫖 漢字", "\u2028\u2029", "\x7f", "‮right to left", "e\u0301", "\U0010ffff"])
def test_unusual_characters_come_through(text: str) -> None:
    event = fact(Asked(question=text))
    assert Contracts([Asked]).decode(decode(encode(event))).data == Asked(question=text)


def test_fields_that_a_contract_does_not_know_are_ignored() -> None:
    event = decode(body(data={"question": "when?", "tone": "sharp"}))
    assert Contracts([Asked]).decode(event).data == Asked(question="when?")


def test_a_field_with_a_default_may_be_missing() -> None:
    assert Contracts([Asked]).decode(decode(body(data={}))).data == Asked()


def test_an_event_that_nobody_reacts_to_has_an_unknown_type() -> None:
    assert contract_reason_of(encode(fact(Answered(text="so")))) == "unknown-type"


def test_another_major_version_is_unknown() -> None:
    assert contract_reason_of(body(dataschema="urn:tidings:Asked:2")) == "unknown-version"
    assert contract_reason_of(body(dataschema="")) == "unknown-version"


def test_a_contract_names_its_major_version() -> None:
    class Improved(Contract, frozen=True, kw_only=True):
        major = 2

    assert Improved.schema() == "urn:tidings:Improved:2"


@pytest.mark.parametrize("data", [None, [], "text", {"question": 1}, {"question": None}])
def test_data_of_another_shape_breaks_the_contract(data: Any) -> None:
    assert contract_reason_of(body(data=data)) == "breaks-contract"


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": []},
        {"lines": [{"sku": "tea", "quantity": 0, "price": {"amount": 1, "currency": "EUR"}}]},
        {"total": {"amount": -1, "currency": "EUR"}},
        {"total": {"amount": 1, "currency": "eur"}},
        {"total": {"amount": 1.5, "currency": "EUR"}},
        {"email": "nobody"},
        {"customer": ""},
    ],
)
def test_an_order_out_of_bounds_breaks_the_contract(changes: dict[str, Any]) -> None:
    placed = json.loads(encode(fact(order_placed())))
    text = json.dumps(placed | {"data": placed["data"] | changes})
    assert contract_reason_of(text) == "breaks-contract"
