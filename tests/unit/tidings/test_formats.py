from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from tests.unit.tidings.example import Known
from tidings.core.formats import StateFormat, parse_release, since


class Seat(Struct, frozen=True):
    row: str
    window: Annotated[bool, since("1.2")] = False


class Booking(Struct, frozen=True):
    guest: str
    seats: tuple[Seat, ...] = ()
    by_day: Mapping[str, Seat] = {}
    note: Annotated[Annotated[str, Meta(max_length=10)], since("1.1")] = ""
    spare: Annotated[Seat | None, since("1.10")] = None
    codes: Annotated[list[str], since("1.1")] = []
    paid: Annotated[bool, since("1.3")] = False


FORMAT = StateFormat(Booking)
WINDOW = Seat("F", window=True)


@pytest.mark.parametrize(
    ("state", "needed"),
    [
        (Booking("Arthur"), ""),
        (Booking("Arthur", seats=(Seat("F"),), by_day={"monday": Seat("G")}), ""),
        (Booking("Arthur", note="late"), "1.1"),
        (Booking("Arthur", codes=["a"]), "1.1"),
        (Booking("Arthur", codes=[]), ""),
        (Booking("Arthur", seats=(Seat("G"), WINDOW)), "1.2"),
        (Booking("Arthur", by_day={"monday": WINDOW}), "1.2"),
        (Booking("Arthur", paid=True), "1.3"),
        (Booking("Arthur", note="late", spare=Seat("F")), "1.10"),
        (None, ""),
    ],
)
def test_a_state_needs_the_release_that_added_its_newest_field_with_a_value(state: Any, needed: str) -> None:
    assert FORMAT.of(state) == needed


def test_a_release_reads_the_states_of_all_releases_up_to_its_newest_field() -> None:
    for written in ("", "1.0", "1.2", "1.9", "1.10"):
        assert FORMAT.reads(written)
    for written in ("1.11", "1.10.1", "2.0"):
        assert not FORMAT.reads(written)


@pytest.mark.parametrize("written", ["?", "1.2+more", "-1", "1.", "1.\u0662"])
def test_a_format_of_a_form_that_this_release_does_not_know_is_newer(written: str) -> None:
    assert not FORMAT.reads(written)


def test_a_state_without_added_fields_can_be_read_by_every_release_and_reads_no_newer_one() -> None:
    known = StateFormat(Known)
    assert known.of(Known(("a",))) == ""
    assert known.reads("")
    assert not known.reads("1.1")


def test_the_releases_of_a_state_are_those_that_its_fields_and_their_structs_name() -> None:
    assert FORMAT.releases == {"1.1", "1.2", "1.3", "1.10"}
    assert StateFormat(type(None)).releases == set()


def test_the_fields_that_are_written_are_those_with_a_value() -> None:
    state = Booking("Arthur", note="late", paid=True, seats=(WINDOW,))
    assert [(field.name, field.release) for field in FORMAT.written(state)] == [
        ("note", "1.1"),
        ("paid", "1.3"),
        ("window", "1.2"),
    ]


def test_a_struct_that_contains_itself_is_searched_once() -> None:
    assert StateFormat(Branch).of(Branch((Branch((Branch(leaf=True),)),))) == "1.1"


class Branch(Struct, frozen=True):
    branches: "tuple[Branch, ...]" = ()
    leaf: Annotated[bool, since("1.1")] = False


def test_an_added_field_without_a_default_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Unsaid\.word was added by release 1\.1, and has no default"):
        StateFormat(Unsaid)


class Unsaid(Struct):
    word: Annotated[Literal["a", "b"], since("1.1")]


def test_releases_sort_by_their_parts() -> None:
    assert parse_release("1.9") < parse_release("1.10") < parse_release("1.10.1") < parse_release("2.0")


@pytest.mark.parametrize("release", ["", "next", "1.x", "v1", "1..2"])
def test_a_release_is_named_by_a_number(release: str) -> None:
    with pytest.raises(ValueError, match="is not the number of a release"):
        since(release)
