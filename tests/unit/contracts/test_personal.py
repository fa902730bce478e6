"""The services' declarations of the personal data that they keep, compared with their types."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

from infra.discovery import ServiceFolder
from infra.shop import shop
from infra.stages import STAGES
from tidings.core.personal import PERSONAL, Personal, erased_state, keeps_personal

APPLICATION = shop(STAGES["prod"])
SERVICES = APPLICATION.services

each_service = pytest.mark.parametrize("folder", SERVICES, ids=lambda folder: folder.name)


def structs(form: Any, path: str = "", seen: tuple[Any, ...] = ()) -> Iterator[tuple[str, type[Struct]]]:
    """Iterate over the structs within a type, each with its path from there: `emails.address`."""
    if isinstance(form, type) and issubclass(form, Struct):
        if form in seen:
            return
        yield path, form
        for field in msgspec.structs.fields(form):
            yield from structs(field.type, f"{path}.{field.name}".lstrip("."), (*seen, form))
    for part in get_args(form):
        yield from structs(part, path, seen)


def personal(form: Any) -> dict[str, type[Personal]]:
    """Return the personal data within a type, by its path."""
    return {path: found for path, found in structs(form) if issubclass(found, Personal)}


@each_service
def test_a_service_declares_exactly_the_personal_data_of_its_state_and_events(folder: ServiceFolder) -> None:
    service = folder.service
    announced = {contract.personal for contract in service.announces if contract.personal}
    assert {*personal(service.state).values(), *announced} == set(service.keeps)


@each_service
def test_a_state_has_personal_data_in_its_field_personal_only_and_can_do_without(folder: ServiceFolder) -> None:
    state = folder.service.state
    assert set(personal(state)) <= {PERSONAL}
    if keeps_personal(state):
        (field,) = (field for field in msgspec.structs.fields(state) if field.name == PERSONAL)
        assert (field.default, field.encode_name) == (None, PERSONAL)


@pytest.mark.parametrize("contract", APPLICATION.contracts, ids=lambda contract: contract.__name__)
def test_the_data_of_an_event_contains_no_personal_data(contract: Any) -> None:
    assert personal(contract) == {}


def test_personal_data_is_found_however_deep_it_is() -> None:
    class Hidden(Personal, frozen=True):
        name: str

    class Page(Struct):
        guests: dict[str, tuple[Hidden | None, ...]] = {}

    class Book(Struct):
        pages: list[Page] = []

    assert personal(Book) == {"pages.guests": Hidden}


def test_a_state_without_personal_data_is_erased_as_it_is() -> None:
    assert erased_state(None) is None
    assert erased_state(7) == 7
