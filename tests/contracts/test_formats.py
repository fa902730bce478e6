"""The stored formats of the code, compared with those of the recorded release."""

import pytest

from infra.application import Application
from infra.release.formats import (
    SAMPLE,
    Formats,
    kinds_of,
    read_formats,
    refused_formats,
    services_of,
)
from infra.release.structure import read_release
from tidings.aws.dynamodb import from_attributes
from tidings.core.entity import StoredEntity
from tidings.core.formats import parse_release


@pytest.fixture(scope="module")
def released() -> Formats:
    """The last recorded release."""
    found = read_formats()
    assert found, "no release is recorded"
    return found


def test_no_stored_format_breaks_that_of_the_recorded_release(application: Application, released: Formats) -> None:
    assert refused_formats(released, services_of(application)) == []


def test_the_recorded_release_is_one_with_queues_and_indexes_too(released: Formats) -> None:
    assert parse_release(released.release) >= (1, 0)
    structure = read_release()
    assert structure
    assert {name.partition(".")[0] for name in released.states} <= structure.indexes.keys()


def test_the_item_of_the_recorded_release_is_read_as_it_was_written(released: Formats) -> None:
    assert from_attributes(released.item) == SAMPLE


def test_the_sample_has_all_that_an_entity_can_have() -> None:
    plain = StoredEntity("", 0, "")
    assert [name for name in SAMPLE.__struct_fields__ if getattr(SAMPLE, name) == getattr(plain, name)] == []


def test_fields_name_the_recorded_releases_or_the_next_one(application: Application, released: Formats) -> None:
    """Several names of later releases would be as many releases that only read."""
    last = parse_release(released.release)
    later = {
        each
        for kind in kinds_of(services_of(application)).values()
        for each in kind.codec.format.releases
        if parse_release(each) > last
    }
    assert len(later) <= 1
