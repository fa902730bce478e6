"""`docs/contracts/` is up to date with the code, and breaks no contract of the recorded release."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.application import Application
from infra.published_language.baseline import (
    FOLDER,
    PRIVACY,
    RELEASE,
    broken,
    documents,
    publish,
    schemas_in,
    schemas_of,
    write_schemas,
)
from tests.contracts.sample_contracts import contract
from tidings.core.contract import Contract

PARCEL = contract(("parcel", str))
WITH_NOTE = contract(("parcel", str), ("note", str, ""))
NUMBERED = contract(("parcel", int))
NEXT_MAJOR = contract(("parcel", int), major=2)
NEXT_WITH_UPCASTER = contract(("parcel", int), major=2, older=PARCEL)
FIRST, SECOND = "schemas/post/ParcelLost.1.json", "schemas/post/ParcelLost.2.json"
FOUND = contract(("parcel", str), name="ParcelFound")


@pytest.fixture(scope="module")
def generated(application: Application) -> dict[str, str]:
    return documents(application)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    return tmp_path / "contracts"


def announcing(application: Application, *contracts: type[Contract]) -> Application:
    """Return an application with these contracts only."""
    return replace(application, contracts=contracts)


def problems(published: Sequence[type[Contract]], current: Sequence[type[Contract]]) -> list[str]:
    return broken(schemas_of(published), current)


# The committed files


@pytest.mark.parametrize("path", ["README.md", "asyncapi.json", "openapi.json", PRIVACY])
def test_a_committed_document_is_up_to_date(path: str, generated: dict[str, str]) -> None:
    assert (FOLDER / path).read_text(encoding="utf-8") == generated[path], "run make contracts"


def test_the_committed_schemas_are_those_of_the_code_and_of_retired_contracts(application: Application) -> None:
    expected = {**schemas_in(RELEASE), **schemas_of(application.contracts)}
    assert schemas_in(FOLDER) == expected, "run make contracts"


def test_no_contract_breaks_that_of_the_recorded_release(application: Application) -> None:
    released = schemas_in(RELEASE)
    assert released
    assert broken(released, application.contracts) == []


def test_documents_are_the_same_each_time_they_are_generated(
    application: Application, generated: dict[str, str]
) -> None:
    assert documents(application) == generated


# Publishing


def test_a_schema_that_breaks_the_recorded_one_is_not_written(folder: Path, application: Application) -> None:
    write_schemas(folder, schemas_of([PARCEL]))
    (found,) = publish(folder, announcing(application, NUMBERED), schemas_of([PARCEL]))
    assert found.startswith(f"{FIRST}: data.parcel: string became integer")
    assert schemas_in(folder) == schemas_of([PARCEL])


def test_the_schema_of_a_contract_that_nothing_announces_any_more_stays(folder: Path, application: Application) -> None:
    released = schemas_of([PARCEL, FOUND])
    (folder / "privacy").mkdir()
    assert publish(folder / "privacy", announcing(application, FOUND), released) == []
    assert schemas_in(folder / "privacy") == released


def test_a_draft_that_was_never_released_may_change_and_be_deleted(folder: Path) -> None:
    write_schemas(folder, schemas_of([PARCEL]))
    assert broken({}, [NUMBERED]) == []
    write_schemas(folder, schemas_of([FOUND]))
    assert list(schemas_in(folder)) == ["schemas/post/ParcelFound.1.json"]


def test_a_folder_that_does_not_exist_has_published_nothing(folder: Path) -> None:
    assert schemas_in(folder / "nowhere") == {}


# Compatibility


def test_a_field_with_a_default_may_be_added_and_never_be_removed_again() -> None:
    assert problems([PARCEL], [WITH_NOTE]) == []
    (found,) = problems([WITH_NOTE], [PARCEL])
    assert found.startswith(f"{FIRST}: data.note: the field is missing")


def test_a_new_major_version_without_an_upcaster_is_refused() -> None:
    assert problems([PARCEL], [NEXT_MAJOR]) == [
        f"{FIRST}: no upcaster reads this version: queues, outboxes and the event log contain its events"
    ]


def test_a_new_major_version_may_differ_if_an_upcaster_reads_the_old_one() -> None:
    assert problems([PARCEL], [NEXT_WITH_UPCASTER]) == []


def test_upcasters_read_each_published_version_one_after_another() -> None:
    released = [PARCEL, NEXT_MAJOR]
    assert problems(released, [contract(("number", int), major=3, older=NEXT_WITH_UPCASTER)]) == []
    (found,) = problems(released, [contract(("number", int), major=3, older=NEXT_MAJOR)])
    assert found.startswith(f"{FIRST}: no upcaster")


def test_the_older_version_of_an_upcaster_must_stay_as_it_was_published() -> None:
    (found,) = problems([PARCEL], [contract(("parcel", int), major=2, older=NUMBERED)])
    assert found.startswith(f"{FIRST}: data.parcel: string became integer")


def test_the_schemas_of_all_versions_are_published() -> None:
    assert list(schemas_of([NEXT_WITH_UPCASTER])) == [SECOND, FIRST]
