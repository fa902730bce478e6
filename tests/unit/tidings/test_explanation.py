from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from tidings.core.explanation import MAX_FAULTS, explain, explain_all, explained


class Line(Struct, forbid_unknown_fields=True):
    part: Annotated[str, Meta(pattern=rf"^[a-z]{{1,{'9' * 3}}}\Z")]
    kind: Literal["new", "used"] = "new"


class Price(Struct, forbid_unknown_fields=True):
    amount: Annotated[int, Meta(ge=0)]
    currency: Literal["EUR"]


class Parcel(Struct, forbid_unknown_fields=True):
    lines: Annotated[tuple[Line, ...], Meta(max_length=3)]
    labels: dict[Annotated[str, Meta(max_length=3)], int] = {}
    expected: Price | UnsetType = UNSET
    insured: Price | None = None


def error_of(value: Any) -> msgspec.ValidationError:
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.convert(value, Parcel)
    return refusal.value


@pytest.mark.parametrize(
    ("value", "field", "fault"),
    [
        ([], "", "This must be an object, not a list"),
        ({"lines": "tea"}, "lines", "This must be a list, not a text"),
        ({"lines": [{"part": 1}]}, "lines[0].part", "This must be a text, not a whole number"),
        ({"lines": [{}]}, "lines[0].part", "This field is missing"),
        ({}, "lines", "This field is missing"),
        ({"lines": [], "colour": 1}, "colour", "There is no such field"),
        ({"lines": [], "labels": {"long": 1}}, "labels", "This must have at most 3 characters"),
        (
            {"lines": [{"part": "a"}, {"part": "TEA"}]},
            "lines[1].part",
            "This text does not have the form that X describes",
        ),
    ],
)
def test_an_explanation_names_the_field_and_the_fault(value: Any, field: str, fault: str) -> None:
    assert explain(str(error_of(value)), "X") == (field, fault)


def test_a_refused_value_cannot_pass_for_a_field() -> None:
    error = error_of({"lines": [{"part": "tea", "kind": "old` - at `$.labels`"}]})
    assert explain(str(error), "X")[0] == "lines[0].kind"


def test_an_unknown_field_may_have_several_lines() -> None:
    assert explain(str(error_of({"lines": [{"part": "tea", "a\nb": 1}]})), "X")[0] == "lines[0].a\nb"


def test_an_explained_error_begins_with_the_field_and_shows_no_pattern() -> None:
    text = explained(error_of({"lines": [{"part": "TEA"}]}))
    assert text == "lines[0].part: This text does not have the form that the schema describes"
    assert explained(error_of([])) == "This must be an object, not a list"


def test_a_refused_value_is_not_repeated() -> None:
    error = error_of({"lines": [{"part": "tea", "kind": "secret"}]})
    assert explain(str(error), "X") == ("lines[0].kind", "This is none of the allowed values")


@pytest.mark.parametrize(
    ("value", "form", "fault"),
    [
        ([], Annotated[tuple[int, ...], Meta(min_length=2)], "This must have at least 2 items"),
        (1.5, int, "This must be a whole number, not a number with a fraction"),
        (1, str | None, "This must be a text or null, not a whole number"),
        (9, Annotated[int, Meta(le=3)], "This number must be at most 3"),
        (0.5, Annotated[float, Meta(gt=1)], "This number must be more than 1.0"),
        (None, bool, "This must be true or false, not null"),
    ],
)
def test_a_fault_is_in_words_that_name_no_type_of_python(value: Any, form: Any, fault: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.convert(value, form)
    assert explain(str(refusal.value), "X") == ("", fault)


def test_all_faults_of_a_value_are_explained() -> None:
    value = {
        "lines": [{"part": "tea"}, {"part": 7, "kind": "old", "colour": 1}, {}, "cup"],
        "labels": {"long": 1},
        "size": 3,
    }
    assert explain_all(value, Parcel, "X") == [
        ("lines", "This must have at most 3 items"),
        ("lines[1].part", "This must be a text, not a whole number"),
        ("lines[1].kind", "This is none of the allowed values"),
        ("lines[1].colour", "There is no such field"),
        ("lines[2].part", "This field is missing"),
        ("lines[3]", "This must be an object, not a text"),
        ("labels", "This must have at most 3 characters"),
        ("size", "There is no such field"),
    ]


class Label(Struct):
    text: Annotated[str, Meta(max_length=9, description="A label"), Meta(pattern=r"^[a-z]*\Z")]
    further: Annotated[str, Meta(pattern=r"^[a-z]*\Z", description="A label has small letters.")] | UnsetType = UNSET


def test_a_text_that_does_not_match_is_explained_by_the_description_of_its_type() -> None:
    assert explain_all({"text": "TEA", "further": "TEA"}, Label, "X") == [
        ("text", "A label"),
        ("further", "A label has small letters"),
    ]
    assert explain_all({"text": "0123456789"}, Label, "X") == [("text", "This must have at most 9 characters")]
    assert explain_all("TEA", Label.__annotations__["text"], "X") == [("", "A label")]


@pytest.mark.parametrize("field", ["expected", "insured"])
def test_all_faults_of_an_optional_field_are_explained(field: str) -> None:
    assert explain_all({"lines": [], field: {"amount": -1, "currency": "ABC", "size": 1}}, Parcel, "X") == [
        (f"{field}.amount", "This number must be at least 0"),
        (f"{field}.currency", "This is none of the allowed values"),
        (f"{field}.size", "There is no such field"),
    ]
    ((where, _),) = explain_all({"lines": [], field: "free"}, Parcel, "X")
    assert where == field


@pytest.mark.parametrize("value", [[], None, 7, "tea"])
def test_a_value_that_is_wrong_as_a_whole_has_one_fault(value: Any) -> None:
    assert [field for field, _ in explain_all(value, Parcel, "X")] == [""]


def test_a_valid_value_has_no_faults() -> None:
    assert explain_all({"lines": [{"part": "tea"}]}, Parcel, "X") == []


def test_the_number_of_explained_faults_is_bounded() -> None:
    assert len(explain_all({str(n): n for n in range(2 * MAX_FAULTS)}, Parcel, "X")) == MAX_FAULTS
