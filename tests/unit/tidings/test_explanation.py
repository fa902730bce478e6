from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from tidings.core.explanation import explain, explained


class Line(Struct, forbid_unknown_fields=True):
    part: Annotated[str, Meta(pattern=rf"^[a-z]{{1,{'9' * 3}}}\Z")]
    kind: Literal["new", "used"] = "new"


class Parcel(Struct, forbid_unknown_fields=True):
    lines: tuple[Line, ...]
    labels: dict[Annotated[str, Meta(max_length=3)], int] = {}


def error_of(value: Any) -> msgspec.ValidationError:
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.convert(value, Parcel)
    return refusal.value


@pytest.mark.parametrize(
    ("value", "field", "fault"),
    [
        ([], "", "Expected `object`, got `array`"),
        ({"lines": "tea"}, "lines", "Expected `array`, got `str`"),
        ({"lines": [{"part": 1}]}, "lines[0].part", "Expected `str`, got `int`"),
        ({"lines": [{}]}, "lines[0].part", "Object missing required field `part`"),
        ({}, "lines", "Object missing required field `lines`"),
        ({"lines": [], "colour": 1}, "colour", "Object contains unknown field `colour`"),
        ({"lines": [], "labels": {"long": 1}}, "labels", "Expected `str` of length <= 3"),
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
    text = explained(error_of({"lines": [{"part": "tea", "kind": "ann@customers.example\n"}]}))
    assert text == "lines[0].kind: Invalid enum value"
    assert explained(error_of([])) == "Expected `object`, got `array`"
