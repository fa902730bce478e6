"""Compatible and incompatible changes within a major version; each case changes one struct into another."""

import copy
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from contracts.values.money import Money
from infra.published_language.compatibility import BREAKS_EVENTS, BREAKS_READERS, incompatibilities
from infra.published_language.schemas import Json, event_schema
from infra.shop import shop
from infra.stages import STAGES
from tests.contracts.sample_contracts import schema
from tidings.core.contract import Contract
from tidings.core.personal import Personal

Field = tuple[Any, ...]


class Size(Struct):
    height: int


class TallSize(Struct):
    height: int
    depth: int = 0


class DeepSize(Struct):
    height: int
    depth: int


class ExactSize(Struct, forbid_unknown_fields=True):
    height: int


class Branch(Struct):
    name: str
    branches: "tuple[Branch, ...]" = ()


class Twig(Struct):
    name: Annotated[str, Meta(max_length=8)]
    branches: "tuple[Twig, ...]" = ()


def changes(before: Field, after: Field) -> list[str]:
    return incompatibilities(schema(before), schema(after))


def at_least(bound: int) -> Any:
    return Annotated[int, Meta(ge=bound)]


def at_most(bound: int) -> Any:
    return Annotated[int, Meta(le=bound)]


def text(**bounds: Any) -> Any:
    return Annotated[str, Meta(**bounds)]


@pytest.mark.parametrize("contract", shop(STAGES["prod"]).contracts, ids=lambda contract: contract.__name__)
def test_a_contract_is_compatible_with_itself(contract: type[Contract]) -> None:
    assert incompatibilities(event_schema(contract), event_schema(contract)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((), (("note", str, ""),), id="to an event without any"),
        pytest.param((("weight", int),), (("weight", int), ("note", str, "")), id="to others"),
        pytest.param((("weight", int),), (("weight", int), ("price", Money | None, None)), id="a struct"),
        pytest.param((("size", Size),), (("size", TallSize),), id="in a struct"),
        pytest.param((("sizes", tuple[Size, ...]),), (("sizes", tuple[TallSize, ...]),), id="in a list of structs"),
    ],
)
def test_a_field_with_a_default_may_be_added(before: tuple[Field, ...], after: tuple[Field, ...]) -> None:
    assert incompatibilities(schema(*before), schema(*after)) == []


def test_titles_and_descriptions_may_change() -> None:
    published = schema(("weight", int))
    current = copy.deepcopy(published)
    current |= {"title": "Another", "description": "Another description."}
    current["properties"]["data"]["description"] = "Something new."
    assert incompatibilities(published, current) == []


def test_a_field_may_not_be_removed_whether_it_had_a_default_or_not() -> None:
    published = schema(("weight", int), ("note", str, ""))
    assert incompatibilities(published, schema()) == [
        f"data.{name}: the field is missing: its readers would find nothing, or its default"
        for name in ("note", "weight")
    ]


def test_a_field_without_a_default_may_not_be_added() -> None:
    assert incompatibilities(schema(), schema(("weight", int))) == [
        f"data.weight: a new field without a default: {BREAKS_EVENTS}, because they lack it"
    ]


def test_a_field_of_a_nested_struct_is_a_field_too() -> None:
    assert changes(("sizes", tuple[Size, ...]), ("sizes", tuple[DeepSize, ...])) == [
        f"data.sizes[].depth: a new field without a default: {BREAKS_EVENTS}, because they lack it"
    ]


def test_a_field_may_not_be_added_if_readers_forbid_unknown_fields() -> None:
    published, current = schema(open_ended=False), schema(("note", str, ""), open_ended=False)
    assert incompatibilities(published, current) == [
        f"data.note: a new field where unknown fields are forbidden: {BREAKS_READERS}"
    ]


@pytest.mark.parametrize(
    ("before", "after", "described"),
    [
        pytest.param((int | None,), (int,), "anything", id="narrowed"),
        pytest.param((int,), (int | None,), "integer became integer or null", id="widened"),
        pytest.param((int,), (str,), "integer became string", id="another"),
        pytest.param((int,), (float,), "integer became number", id="a wider number"),
        pytest.param((Size,), (str,), "Size became string", id="no struct any more"),
        pytest.param((str,), (tuple[str, ...],), "string became string[]", id="several"),
        pytest.param((str,), (Literal["a"],), 'string became "a"', id="an enumeration"),
    ],
)
def test_a_field_may_not_change_its_type(before: Field, after: Field, described: str) -> None:
    (found,) = changes(("size", *before), ("size", *after))
    assert found.startswith("data.size: ")
    assert described in found or described == "anything"
    assert BREAKS_EVENTS in found
    assert BREAKS_READERS in found


def test_a_list_may_not_change_its_items() -> None:
    (found,) = changes(("sizes", tuple[int, ...]), ("sizes", tuple[str, ...]))
    assert found.startswith("data.sizes[]: integer became string")


def test_one_of_several_types_may_not_change() -> None:
    (found,) = changes(("size", at_least(0) | None), ("size", at_least(1) | None))
    assert found == f"data.size: `minimum` 0 became 1: {BREAKS_EVENTS}"


def test_a_value_may_not_be_removed_from_an_enumeration() -> None:
    assert changes(("why", Literal["lost", "stolen"]), ("why", Literal["lost"])) == [
        f"data.why: ['stolen'] removed from its values: {BREAKS_EVENTS}"
    ]


def test_a_value_may_not_be_added_to_an_enumeration() -> None:
    assert changes(("why", Literal["lost"]), ("why", Literal["lost", "stolen"])) == [
        f"data.why: ['stolen'] added to its values: {BREAKS_READERS}"
    ]


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        pytest.param(at_least(1), at_least(2), BREAKS_EVENTS, id="a higher minimum"),
        pytest.param(at_least(1), at_least(0), BREAKS_READERS, id="a lower minimum"),
        pytest.param(at_most(9), at_most(8), BREAKS_EVENTS, id="a lower maximum"),
        pytest.param(at_most(9), at_most(10), BREAKS_READERS, id="a higher maximum"),
        pytest.param(int, at_most(9), BREAKS_EVENTS, id="a new maximum"),
        pytest.param(at_most(9), int, BREAKS_READERS, id="no maximum any more"),
        pytest.param(text(max_length=9), text(max_length=8), BREAKS_EVENTS, id="a shorter text"),
        pytest.param(text(max_length=9), text(max_length=10), BREAKS_READERS, id="a longer text"),
        pytest.param(text(min_length=1), text(), BREAKS_READERS, id="an empty text"),
    ],
)
def test_a_bound_may_be_neither_tightened_nor_loosened(before: Any, after: Any, broken: str) -> None:
    (found,) = changes(("size", before), ("size", after))
    assert found.startswith("data.size: `m")
    assert found.endswith(broken)


def test_a_pattern_may_not_change() -> None:
    (found,) = changes(("code", text(pattern="^[A-Z]+$")), ("code", text(pattern="^[A-Z0-9]+$")))
    assert found.startswith("data.code: `pattern` '^[A-Z]+$' became '^[A-Z0-9]+$'")


def test_a_field_may_become_neither_required_nor_optional() -> None:
    optional, required = ("note", str, ""), ("note", str)
    assert changes(optional, required) == [f"data.note: the field has become required: {BREAKS_EVENTS}"]
    assert changes(required, optional) == [f"data.note: the field has become optional: {BREAKS_READERS}"]


def test_a_default_may_not_change() -> None:
    assert changes(("copies", int, 1), ("copies", int, 2)) == [
        "data.copies: the default 1 became 2: events without the field would change their meaning"
    ]


def test_a_struct_may_not_begin_to_forbid_unknown_fields() -> None:
    (found,) = changes(("size", Size), ("size", ExactSize))
    assert found.startswith("data.size: `additionalProperties` None became False")


def test_the_envelope_follows_the_same_rules() -> None:
    published = schema(("weight", int))
    current = copy.deepcopy(published)
    current["properties"]["correlationid"]["maxLength"] = 128
    current["required"].append("causationid")
    assert incompatibilities(published, current) == [
        f"causationid: the field has become required: {BREAKS_EVENTS}",
        f"correlationid: `maxLength` None became 128: {BREAKS_EVENTS}",
    ]


def test_a_struct_that_contains_itself_is_compared_once() -> None:
    assert changes(("tree", Branch), ("tree", Branch)) == []
    assert changes(("tree", Branch), ("tree", Twig)) == [f"data.tree.name: `maxLength` None became 8: {BREAKS_EVENTS}"]


def test_every_change_is_reported() -> None:
    found = incompatibilities(schema(("weight", int), ("code", str)), schema(("weight", str), ("note", str)))
    assert [line.partition(":")[0] for line in found] == ["data.code", "data.note", "data.weight"]


# Personal data


def carrying(personal: type[Personal] | None) -> Json:
    """Return the schema of an event that carries this personal data."""

    class Seated(Contract, frozen=True, kw_only=True):
        """A guest has a seat."""

        producer = "post"

    Seated.personal = personal
    return event_schema(Seated)


class Guest(Personal, frozen=True):
    name: str


class FamousGuest(Personal, frozen=True):
    name: str
    title: str = ""


class Nickname(Personal, frozen=True):
    name: Annotated[str, Meta(max_length=8)]


def test_personal_data_may_be_added_and_gain_fields_with_a_default() -> None:
    assert incompatibilities(carrying(None), carrying(Guest)) == []
    assert incompatibilities(carrying(Guest), carrying(FamousGuest)) == []


def test_other_changes_of_personal_data_are_incompatible() -> None:
    assert incompatibilities(carrying(Guest), carrying(None)) == [
        "personal: the field is missing: its readers would find nothing, or its default"
    ]
    assert incompatibilities(carrying(FamousGuest), carrying(Guest)) == [
        "personal.title: the field is missing: its readers would find nothing, or its default"
    ]
    assert incompatibilities(carrying(Guest), carrying(Nickname)) == [
        f"personal.name: `maxLength` None became 8: {BREAKS_EVENTS}"
    ]
