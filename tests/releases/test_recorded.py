"""The recorded example release, with which the releases after it are compared."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from infra.published_language.baseline import broken, schemas_in, schemas_of
from infra.release.formats import (
    Formats,
    compare_states,
    formats_of,
    read_formats,
    refused_formats,
    state_schema,
    too_new,
    write_formats,
    written_early,
)
from tests.releases import first, second, third
from tests.simulation.formats import watch_formats
from tests.simulation.violation import ViolationError
from tidings.core.formats import since
from tidings.core.service import Service
from tidings.handling.executor import HandlerExecutor
from tidings.testing import MemoryTable, make_event

RECORDED = Path(__file__).with_name("recorded")
FIRST: list[Service[Any]] = [first.desk, first.assignment]
SECOND: list[Service[Any]] = [second.desk, second.assignment]


@pytest.fixture
def released() -> Formats:
    found = read_formats(RECORDED / "formats.json")
    assert found
    return found


def test_the_record_is_that_of_the_first_release(released: Formats) -> None:
    assert released == formats_of("1.0", FIRST)
    contracts = [contract for service in FIRST for contract in service.announces]
    assert schemas_in(RECORDED).keys() == schemas_of(contracts).keys()
    assert broken(schemas_in(RECORDED), contracts) == []


def test_the_next_release_is_compatible_with_the_record(released: Formats) -> None:
    contracts = [contract for service in SECOND for contract in service.announces]
    assert broken(schemas_in(RECORDED), contracts) == []
    assert refused_formats(released, SECOND) == []


def test_a_record_is_read_as_it_was_written(released: Formats, tmp_path: Path) -> None:
    write_formats(released, tmp_path / "formats.json")
    assert read_formats(tmp_path / "formats.json") == released
    assert (tmp_path / "formats.json").read_text() == (RECORDED / "formats.json").read_text()
    assert read_formats(tmp_path / "nothing.json") is None


# Read, not yet written


def test_the_release_that_adds_a_field_must_not_write_it_and_the_next_one_may(released: Formats) -> None:
    state = second.Assignment(urgent=True)
    assert written_early(released, second.assignment, state) == ["urgent"]
    assert written_early(formats_of("1.1", SECOND), third.assignment, state) == []
    assert written_early(released, second.assignment, second.Assignment(title="urgent")) == []


def test_the_simulation_finds_a_write_of_a_field_that_the_release_adds(released: Formats) -> None:
    def opened(service: Service[Any], last: Formats) -> None:
        table = MemoryTable(watch=watch_formats(service, None, last))
        event = make_event(second.TicketOpened(subject="No heating", urgent=True), subject="ticket")
        HandlerExecutor(service, table).entity("ticket").handle(event, 0)

    opened(second.assignment, released)
    opened(third.assignment, formats_of("1.1", SECOND))
    with pytest.raises(ViolationError, match="assignment writes urgent of ticket"):
        opened(third.assignment, released)


# Changes of states


class State(Struct):
    title: str
    status: Literal["open", "closed"] = "open"


def problems(current: Any, published: Any = State) -> list[str]:
    return compare_states("1.0", state_schema(published), state_schema(current), "assignment")


def renamed(struct: type[Struct]) -> type[Struct]:
    struct.__name__ = "State"
    return struct


def test_a_field_that_names_the_next_release_may_be_added_anywhere() -> None:
    @renamed
    class New(Struct):
        title: str
        status: Literal["open", "closed"] = "open"
        note: Annotated[str, since("1.1")] = ""
        others: Annotated[tuple[State, ...], since("1.1")] = ()

    assert problems(New) == []
    assert problems(tuple[New, ...], tuple[State, ...]) == []


def test_a_new_field_that_names_no_release_is_refused_with_the_way_out() -> None:
    class New(Struct):
        title: str
        status: Literal["open", "closed"] = "open"
        note: str = ""

    assert problems(New) == [
        "assignment: note: a new field that names no release: the release before would drop it. Declare `since` with "
        "the next release's number (tidings.core.formats)"
    ]


@pytest.mark.parametrize("release", ["1.0", "0.9"])
def test_a_new_field_that_names_a_recorded_release_is_refused(release: str) -> None:
    class New(Struct):
        title: str
        status: Literal["open", "closed"] = "open"
        note: Annotated[str, since(release)] = ""

    assert problems(New) == [
        f"assignment: note: a new field that release {release} has not added: the last release is 1.0"
    ]


class Without(Struct):
    title: str


class Required(Struct):
    title: str
    agent: Annotated[str, since("1.1")]
    status: Literal["open", "closed"] = "open"


class Widened(Struct):
    title: str
    status: Literal["open", "closed", "stuck"] = "open"


class Narrowed(Struct):
    title: Annotated[str, Meta(max_length=9)]
    status: Literal["open", "closed"] = "open"


class Started(Struct):
    title: str
    status: Literal["open", "closed"] = "closed"


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (Without, "status: the field is missing"),
        (Required, "agent: a new field without a default: states that were stored before would be refused"),
        (Widened, "status: ['stuck'] added to its values: the release before would refuse new states"),
        (Narrowed, "title: `maxLength` None became 9: states that were stored before would be refused"),
        (Started, "status: the default 'open' became 'closed': states without the field would change their meaning"),
        (tuple[State, ...], "the state: State became State[]"),
    ],
)
def test_every_other_change_of_a_state_is_refused(state: Any, problem: str) -> None:
    (found,) = problems(state)
    assert found.startswith(f"assignment: {problem}")


def test_the_release_that_added_a_field_stays_declared() -> None:
    (found,) = problems(first.Assignment, second.Assignment)
    assert found.startswith("assignment: urgent: the field is missing")

    class Forgotten(Struct):
        title: str = ""
        agent: str = ""
        closed: bool = False
        urgent: bool = False

    (found,) = problems(Forgotten, second.Assignment)
    assert found.startswith("assignment: urgent: `x-since` '1.1' became None")


def test_other_attributes_of_items_are_refused(released: Formats) -> None:
    changed = Formats(released.release, {**released.item, "tally": {"N": "1"}}, released.states)
    assert refused_formats(changed, FIRST) == [
        "The attributes of items have changed: the release before would drop a new one."
    ]


def test_a_service_may_be_new_and_may_be_retired(released: Formats) -> None:
    assert refused_formats(released, [first.desk]) == []
    assert refused_formats(Formats("1.0", released.item, {}), SECOND) == []


def test_a_further_kind_of_entities_may_be_new_and_is_compared_once_it_is_recorded(released: Formats) -> None:
    def with_shifts(state: type[Struct]) -> list[Service[Any]]:
        shifts = Service(name="desk", state=state, keys="shift-[0-9]+")
        return [replace(first.desk, kinds=(shifts,)), first.assignment]

    class Shift(Struct):
        agent: str

    class Changed(Struct):
        agent: int

    Changed.__name__ = "Shift"
    assert refused_formats(released, with_shifts(Shift)) == []
    (problem,) = refused_formats(formats_of("1.1", with_shifts(Shift)), with_shifts(Changed))
    assert problem.startswith("desk.Shift: agent: string became integer")


# Recording


def test_a_release_is_recorded_under_the_next_number(released: Formats) -> None:
    assert too_new("1.1", released, SECOND) == []
    assert too_new("1.0", None, FIRST) == []
    assert too_new("1.0", released, FIRST) == ["Release 1.0 is not after the recorded one, 1.0."]
    assert too_new("next", released, FIRST) == ["'next' is not the number of a release, such as 1.4"]


def test_a_release_is_not_recorded_while_a_field_names_a_later_one() -> None:
    assert too_new("1.0.5", None, SECOND) == ["assignment: a field was added by release 1.1, which is later"]
