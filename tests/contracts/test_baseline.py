"""`docs/contracts/` is up to date with the code, and breaks no published contract."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.application import Application
from infra.published_language.baseline import (
    FIRST_RELEASE,
    FOLDER,
    PRIVACY,
    Schemas,
    compare,
    current_schemas,
    documents,
    is_shallow,
    publish,
    published_schemas,
)
from tests.contracts.sample_contracts import schema

PARCEL = schema(("parcel", str))
WITH_NOTE = schema(("parcel", str), ("note", str, ""))
NUMBERED = schema(("parcel", int))
WITH_WEIGHT = schema(("parcel", str), ("weight", int, 0))
WITH_BOTH = schema(("parcel", str), ("note", str, ""), ("weight", int, 0))
NUMBERED_WITH_NOTE = schema(("parcel", int), ("note", str, ""))
NEXT_MAJOR = schema(("parcel", int), major=2)
RELEASE = "release-1"
GIT = shutil.which("git") or "git"
FIRST, SECOND = "schemas/post/ParcelLost.1.json", "schemas/post/ParcelLost.2.json"


@pytest.fixture(scope="module")
def generated(application: Application) -> dict[str, str]:
    return documents(application)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Git sets these for hooks. With them, git would find the project's repository in every folder.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return tmp_path / "contracts"


@pytest.fixture
def git(folder: Path) -> Callable[..., None]:
    """Git, in a repository with one empty commit."""
    folder.mkdir()

    def run(*arguments: str) -> None:
        options = ("user.name=A. Tester", "user.email=tester@example.com", "commit.gpgsign=false")
        settings = [part for option in options for part in ("-c", option)]
        subprocess.run([GIT, "-C", str(folder), *settings, *arguments], check=True)  # noqa: S603 - no input of others

    run("init", "--quiet", "--initial-branch=main")
    run("commit", "--quiet", "--allow-empty", "--message", "The first release, without a contract")
    run("tag", RELEASE)
    return run


@pytest.fixture
def commit(git: Callable[..., None]) -> Callable[[], None]:
    """A function that commits all files in the folder."""

    def committed() -> None:
        git("add", "--all")
        git("commit", "--quiet", "--message", "More")

    return committed


def write(folder: Path, **schemas: object) -> list[str]:
    """Publish the schemas of the first and of the second major version."""
    paths = {"first": FIRST, "second": SECOND}
    return publish(folder, {paths[which]: json.dumps(schema) for which, schema in schemas.items()}, RELEASE)


def published(folder: Path) -> Schemas:
    return published_schemas(folder, RELEASE)


@pytest.mark.parametrize("path", ["README.md", "asyncapi.json", "openapi.json", PRIVACY])
def test_a_committed_document_is_up_to_date(path: str, generated: dict[str, str]) -> None:
    assert (FOLDER / path).read_text(encoding="utf-8") == generated[path], "run make contracts"


def test_the_committed_schemas_are_up_to_date(generated: dict[str, str]) -> None:
    found = {path: (FOLDER / path).read_text(encoding="utf-8") for path in current_schemas(FOLDER)}
    retired = published_schemas(FOLDER).keys() - generated.keys()
    assert {path: text for path, text in found.items() if path not in retired} == {
        path: text for path, text in generated.items() if path.startswith("schemas/")
    }, "run make contracts"


def test_no_contract_breaks_what_was_published_of_its_major_version(generated: dict[str, str]) -> None:
    if FIRST_RELEASE is None:
        pytest.skip("nothing is released yet, so every contract is a draft")
    current = {path: json.loads(text) for path, text in generated.items() if path.startswith("schemas/")}
    assert compare(published_schemas(FOLDER), current_schemas(FOLDER) | current) == []


def test_the_clone_contains_its_whole_history() -> None:
    if FIRST_RELEASE and is_shallow(FOLDER):
        pytest.skip("a shallow clone: contracts are compared with its last versions only; git fetch --unshallow")


def test_documents_are_the_same_each_time_they_are_generated(
    application: Application, generated: dict[str, str]
) -> None:
    assert documents(application) == generated


def test_a_schema_that_breaks_the_committed_one_is_not_written(folder: Path, commit: Callable[[], None]) -> None:
    assert write(folder, first=PARCEL) == []
    commit()
    (broken,) = write(folder, first=NUMBERED)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")
    assert current_schemas(folder) == {FIRST: PARCEL}


def test_a_compatible_schema_replaces_the_committed_one(folder: Path, commit: Callable[[], None]) -> None:
    write(folder, first=PARCEL)
    commit()
    assert write(folder, first=WITH_NOTE) == []
    assert current_schemas(folder) == {FIRST: WITH_NOTE}


def test_a_new_major_version_may_differ_and_the_old_one_is_kept(folder: Path, commit: Callable[[], None]) -> None:
    write(folder, first=PARCEL)
    commit()
    assert write(folder, second=NEXT_MAJOR) == []
    assert current_schemas(folder) == {FIRST: PARCEL, SECOND: NEXT_MAJOR}


def test_an_old_major_version_may_neither_be_deleted_nor_edited(folder: Path, commit: Callable[[], None]) -> None:
    write(folder, first=PARCEL)
    commit()
    (folder / FIRST).unlink()
    assert write(folder, second=NEXT_MAJOR) == [
        f"{FIRST}: a published schema is missing: queues and the event log may contain its events"
    ]
    (folder / FIRST).write_text(json.dumps(NUMBERED))
    (broken,) = write(folder, second=NEXT_MAJOR)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")


def test_an_incompatible_version_that_was_committed_is_reported_until_it_is_reverted(
    folder: Path, commit: Callable[[], None]
) -> None:
    for version in (PARCEL, NUMBERED, NUMBERED_WITH_NOTE):
        (folder / FIRST).parent.mkdir(parents=True, exist_ok=True)
        (folder / FIRST).write_text(json.dumps(version))
        commit()
    assert published(folder) == {FIRST: PARCEL}
    found = compare(published(folder), current_schemas(folder))
    assert [line.partition(": string")[0] for line in found] == [f"{FIRST}: data.parcel"]
    assert write(folder, first=WITH_NOTE) == []
    commit()
    assert published(folder) == {FIRST: WITH_NOTE}


def test_a_schema_that_a_commit_deleted_is_still_published(folder: Path, commit: Callable[[], None]) -> None:
    write(folder, first=PARCEL)
    commit()
    (folder / FIRST).unlink()
    commit()
    assert compare(published(folder), current_schemas(folder)) == [
        f"{FIRST}: a published schema is missing: queues and the event log may contain its events"
    ]


def test_a_published_field_may_never_be_removed(folder: Path, commit: Callable[[], None]) -> None:
    for version in (PARCEL, WITH_NOTE):
        assert write(folder, first=version) == []
        commit()
    (broken,) = write(folder, first=PARCEL)
    assert broken.startswith(f"{FIRST}: data.note: the field is missing")


def test_a_merge_publishes_what_both_branches_added(
    folder: Path, git: Callable[..., None], commit: Callable[[], None]
) -> None:
    write(folder, first=PARCEL)
    commit()
    git("checkout", "--quiet", "-b", "other")
    write(folder, first=WITH_WEIGHT)
    commit()
    git("checkout", "--quiet", "main")
    write(folder, first=WITH_NOTE)
    commit()
    git("merge", "--quiet", "--strategy=ours", "--no-commit", "other")
    assert write(folder, first=WITH_BOTH) == []
    commit()
    assert published(folder) == {FIRST: WITH_BOTH}


def test_before_the_first_release_a_committed_schema_may_change_and_be_deleted(
    folder: Path, commit: Callable[[], None]
) -> None:
    for path, version in ((FIRST, PARCEL), (FIRST, NUMBERED), (SECOND, NEXT_MAJOR)):
        assert publish(folder, {path: json.dumps(version)}, release=None) == []
        commit()
    assert published_schemas(folder, release=None) == {}
    assert current_schemas(folder) == {SECOND: NEXT_MAJOR}


def test_the_first_release_publishes_its_schemas_and_none_from_before(
    folder: Path, git: Callable[..., None], commit: Callable[[], None]
) -> None:
    for version in (PARCEL, NUMBERED):
        publish(folder, {FIRST: json.dumps(version)}, release=None)
        commit()
    git("tag", "--force", RELEASE)
    assert published(folder) == {FIRST: NUMBERED}
    (broken,) = write(folder, first=PARCEL)
    assert broken.startswith(f"{FIRST}: data.parcel: integer became string")
    assert write(folder, first=NUMBERED_WITH_NOTE) == []
    commit()
    assert published(folder) == {FIRST: NUMBERED_WITH_NOTE}


@pytest.mark.usefixtures("git")
def test_a_draft_that_was_never_committed_may_change_and_be_deleted(folder: Path) -> None:
    assert write(folder, first=PARCEL) == []
    assert write(folder, first=NUMBERED) == []
    assert write(folder, second=NEXT_MAJOR) == []
    assert current_schemas(folder) == {SECOND: NEXT_MAJOR}


def test_without_git_the_files_are_the_baseline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, first=PARCEL)
    monkeypatch.setenv("PATH", "")
    assert published(folder) == {FIRST: PARCEL}
    (broken,) = write(folder, first=NUMBERED)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")


def test_a_folder_that_does_not_exist_has_published_nothing(folder: Path) -> None:
    assert published(folder) == {}
    assert write(folder, first=PARCEL) == []
    assert current_schemas(folder) == {FIRST: PARCEL}
