import json
from typing import Any

import pytest
from msgspec import UNSET

from tests.unit.tidings.example import Answered, Asked
from tidings.core.errors import PermanentError
from tidings.core.event import (
    MAX_CLOCK_SKEW,
    MAX_EVENT_BYTES,
    decode,
    encode,
    event_id,
    is_same_event,
    refuse_future,
    with_data,
)
from tidings.core.strict_json import MAX_DEPTH
from tidings.testing import SUBJECT, make_event


def body(**changes: Any) -> str:
    """An event's JSON with some attributes changed, or left out if they are UNSET."""
    attributes = json.loads(encode(make_event(Asked()))) | changes
    return json.dumps({name: value for name, value in attributes.items() if value is not UNSET})


def reason_of(text: str) -> str:
    with pytest.raises(PermanentError) as refusal:
        decode(text)
    return refusal.value.reason


def test_an_id_names_the_source_the_subject_and_the_number() -> None:
    assert event_id("desk", SUBJECT, 2) == f"desk/{SUBJECT}/2"


def test_an_event_is_a_cloud_event_in_structured_json() -> None:
    attributes = json.loads(encode(make_event(Asked(question="where?"))))
    assert attributes["specversion"] == "1.0"
    assert attributes["datacontenttype"] == "application/json"
    assert attributes["dataschema"] == "urn:tidings:Asked:1"
    assert attributes["type"] == "Asked"
    assert attributes["data"] == {"question": "where?"}


def test_an_event_after_a_command_names_no_cause() -> None:
    assert "causationid" not in json.loads(encode(make_event(Asked())))


def test_an_events_time_is_read_to_the_millisecond() -> None:
    noon = make_event(Asked()).millis
    assert make_event(Asked(), time="2026-01-31T12:00:00.007Z").millis == noon + 7


def test_unknown_attributes_are_ignored() -> None:
    assert decode(body(colour="red", nested={"a": [1, None]})).id == make_event(Asked()).id


def test_data_in_another_form_leaves_the_rest_as_it_is() -> None:
    event = make_event(Asked(), cause="desk/subject/1")
    other = with_data(event, Answered(text="so"))
    assert other.data == Answered(text="so")
    assert with_data(other, event.data) == event


# The same event


def spaced(text: str) -> str:
    """Return the same JSON with its names in another order, and with spaces."""
    return json.dumps(dict(reversed(json.loads(text).items())), indent=2)


@pytest.mark.parametrize(
    "other",
    [
        body(),
        spaced(body()),
        body(personal='{"name":"Ann"}'),
        body().replace('"question"', r'"\u0071uestion"'),
        body(extra=1.0),
    ],
)
def test_an_event_is_the_same_in_any_notation_and_without_its_personal_data(other: str) -> None:
    changes = {"extra": 1} if "extra" in other else {}
    assert is_same_event(body(**changes), other)
    assert is_same_event(other, body(personal='{"name":"Bob"}', **changes))


@pytest.mark.parametrize(
    "other",
    [
        body(time="2026-01-31T12:00:00.001Z"),
        body(data={"question": "who?"}),
        body(data={"question": "what?", "personal": "kept"}),
        body(causationid=UNSET, extra=None),
        "",
        "by hand",
        "[]",
        body()[:-1],
    ],
)
def test_an_event_with_another_fact_is_another_one(other: str) -> None:
    assert not is_same_event(body(), other)
    assert not is_same_event(other, body())
    assert is_same_event(other, other)


def test_true_is_not_one_and_null_is_not_nothing() -> None:
    assert not is_same_event(body(extra=True), body(extra=1))
    assert not is_same_event(body(extra=None), body())


# Numbers


def test_an_events_number_is_the_last_part_of_its_id() -> None:
    assert make_event(Asked(), number=12).number == 12
    assert decode(encode(make_event(Asked(), number=12))).number == 12


@pytest.mark.parametrize("sequence", [1, 7, 0, "1", None, {"a": 1}])
def test_the_sequence_member_of_an_old_event_is_ignored(sequence: Any) -> None:
    event = decode(body(sequence=sequence))
    assert (event.number, "sequence" in encode(event)) == (1, False)


@pytest.mark.parametrize(
    "number", ["0", "01", "+1", "-1", "1.0", "1e0", " 1", "1 ", "", "one", "٣", "²", "1_0", "1\n", "9" * 10]
)
def test_an_id_whose_number_is_not_canonical_is_not_an_event(number: str) -> None:
    assert reason_of(body(id=f"test/{SUBJECT}/{number}")) == "not-an-event"


@pytest.mark.parametrize("changes", [{"source": "mail"}, {"subject": "another"}, {"id": "1"}, {"id": f"{SUBJECT}/1"}])
def test_an_id_that_is_not_its_source_subject_and_number_is_not_an_event(changes: dict[str, Any]) -> None:
    assert reason_of(body(**changes)) == "not-an-event"


# Subjects


@pytest.mark.parametrize("subject", ["#stock#x", "#", "#hours"])
def test_a_subject_that_is_a_reserved_key_is_not_an_event(subject: str) -> None:
    assert reason_of(body(subject=subject, id=f"test/{subject}/1")) == "not-an-event"


def test_a_subject_may_contain_slashes_and_hashes_after_its_first_character() -> None:
    assert decode(body(subject="a/b#c", id="test/a/b#c/1")).subject == "a/b#c"


# Texts that are not events


@pytest.mark.parametrize("text", ["", "{", "no JSON", '{"id": "\\ud800"}', "\ud800", '{"id": "\udfff"}', "\x00", "NaN"])
def test_a_text_that_is_not_json_is_undecodable(text: str) -> None:
    assert reason_of(text) == "undecodable"


def test_a_repeated_attribute_is_undecodable() -> None:
    text = body()
    assert reason_of(text.replace("{", '{"time": "2026-01-31T12:00:00.000Z", ', 1)) == "undecodable"
    assert reason_of(text.replace('"question"', '"question": "what?", "question"')) == "undecodable"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"', "{}"])
def test_json_of_another_kind_is_not_an_event(text: str) -> None:
    assert reason_of(text) == "not-an-event"


@pytest.mark.parametrize(
    "name",
    ["specversion", "id", "source", "type", "dataschema", "subject", "time", "correlationid", "traceparent", "data"],
)
def test_an_event_without_one_of_its_attributes_is_not_an_event(name: str) -> None:
    assert reason_of(body(**{name: UNSET})) == "not-an-event"


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"datacontenttype": "text/plain"},
        {"subject": ""},
        {"subject": "s" * 73},
        {"subject": "two words"},
        {"subject": "\u017c"},
        {"subject": "s\n"},
        {"source": "s" * 25},
        {"source": "Mail"},
        {"type": ""},
        {"type": "A" * 65},
        {"type": "Asked\n"},
        {"correlationid": ""},
        {"correlationid": "c" * 129},
        {"correlationid": "request 1"},
        {"causationid": None},
        {"causationid": ""},
        {"causationid": "c" * 201},
        {"traceparent": ""},
        {"traceparent": "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01"},
        {"traceparent": "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"},
    ],
)
def test_an_attribute_out_of_its_bounds_is_not_an_event(changes: dict[str, Any]) -> None:
    assert reason_of(body(**changes)) == "not-an-event"


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "s" * 24, "subject": "x" * 72, "id": f"{'s' * 24}/{'x' * 72}/999999999"},
        {"correlationid": "c" * 128, "causationid": "c" * 200},
        {"correlationid": "JKJaXmPLvHcESHA="},
        {"causationid": f"ses/{SUBJECT}/0100017c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000"},
    ],
)
def test_an_attribute_within_its_bounds_is_accepted(changes: dict[str, Any]) -> None:
    assert decode(body(**changes)).data == {"question": "why?"}


def test_a_refusal_names_the_wrong_attribute_first_and_shows_no_pattern() -> None:
    with pytest.raises(PermanentError) as refusal:
        decode(body(time="yesterday"))
    assert str(refusal.value) == "time: This text does not have the form that the schema describes"


# Times


@pytest.mark.parametrize(
    "time",
    [
        *("", "noon", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "2026-02-30T00:00:00.000Z"),
        *("2026-01-31T14:00:00.000+02:00", "2026-01-31T12:00:00.000z", "2026-01-31T12:00:00.0000Z"),
    ],
)
def test_a_time_in_another_form_is_not_an_event(time: str) -> None:
    assert reason_of(body(time=time)) == "not-an-event"


def test_an_event_may_be_ahead_as_far_as_clocks_differ() -> None:
    event = make_event(Asked())
    refuse_future(event, event.millis - MAX_CLOCK_SKEW)
    refuse_future(event, event.millis + MAX_CLOCK_SKEW)


@pytest.mark.parametrize("ahead", [MAX_CLOCK_SKEW + 1, 10**12])
def test_an_event_from_the_future_is_refused(ahead: int) -> None:
    event = make_event(Asked())
    with pytest.raises(PermanentError, match=r"more than 300 s ahead") as refusal:
        refuse_future(event, event.millis - ahead)
    assert (refusal.value.reason, refusal.value.event) == ("from-the-future", event)


# Sizes and depths


def test_an_event_is_as_long_as_cloud_events_allow_and_no_longer() -> None:
    longest = body(filler="x" * (MAX_EVENT_BYTES - len(body(filler=""))))
    assert len(longest) == MAX_EVENT_BYTES
    assert decode(longest).subject == SUBJECT
    assert reason_of(longest + " ") == "oversized"


def test_an_events_length_is_counted_in_bytes() -> None:
    assert reason_of(body(filler="").replace('""', f'"{"é" * (MAX_EVENT_BYTES // 2)}"')) == "oversized"
    assert reason_of("\ud800" * MAX_EVENT_BYTES) == "oversized"


@pytest.mark.parametrize("depth", [MAX_DEPTH, 20_000])
def test_deeply_nested_data_is_undecodable(depth: int) -> None:
    assert reason_of(body(data=0).replace('"data": 0', f'"data": {"[" * depth}{"]" * depth}')) == "undecodable"
