"""`docs/contracts/` is what the code says, and no published contract is broken."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.contracts.published import FOLDER, breaks, documents, in_folder, is_shallow, publish, published
from infra.services import Found
from tests.contracts.made_up import schema

PARCEL = schema(("parcel", str))
WITH_NOTE = schema(("parcel", str), ("note", str, ""))
NUMBERED = schema(("parcel", int))
WITH_WEIGHT = schema(("parcel", str), ("weight", int, 0))
WITH_BOTH = schema(("parcel", str), ("note", str, ""), ("weight", int, 0))
NUMBERED_WITH_NOTE = schema(("parcel", int), ("note", str, ""))
NEXT_MAJOR = schema(("parcel", int), major=2)
GIT = shutil.which("git") or "git"
FIRST, SECOND = "events/ParcelLost.1.json", "events/ParcelLost.2.json"


@pytest.fixture(scope="module")
def generated(services: tuple[Found, ...]) -> dict[str, str]:
    return documents(services)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A hook's tests run with these set, and then any folder would be that of the project's own repository.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return tmp_path / "contracts"


@pytest.fixture
def git(folder: Path) -> Callable[..., None]:
    """Git, on the folder as a repository with one empty commit."""
    folder.mkdir()

    def run(*arguments: str) -> None:
        options = ("user.name=A. Tester", "user.email=tester@example.com", "commit.gpgsign=false")
        settings = [part for option in options for part in ("-c", option)]
        subprocess.run([GIT, "-C", str(folder), *settings, *arguments], check=True)  # noqa: S603 - no input of others

    run("init", "--quiet", "--initial-branch=main")
    run("commit", "--quiet", "--allow-empty", "--message", "Nothing yet")
    return run


@pytest.fixture
def commit(git: Callable[..., None]) -> Callable[[], None]:
    """Commits all that lies in the folder."""

    def committed() -> None:
        git("add", "--all")
        git("commit", "--quiet", "--message", "More")

    return committed


def written(folder: Path, **schemas: object) -> list[str]:
    """Publishes such schemas: `first` is that of the first major version, `second` that of the second."""
    paths = {"first": FIRST, "second": SECOND}
    return publish(folder, {paths[which]: json.dumps(schema) for which, schema in schemas.items()})


@pytest.mark.parametrize("path", ["README.md", "asyncapi.json", "openapi.json"])
def test_a_committed_document_is_what_the_code_says(path: str, generated: dict[str, str]) -> None:
    assert (FOLDER / path).read_text(encoding="utf-8") == generated[path], "run make contracts"


def test_the_committed_schemas_are_what_the_code_says(generated: dict[str, str]) -> None:
    found = {path: (FOLDER / path).read_text(encoding="utf-8") for path in in_folder(FOLDER)}
    retired = published(FOLDER).keys() - generated.keys()
    assert {path: text for path, text in found.items() if path not in retired} == {
        path: text for path, text in generated.items() if path.startswith("events/")
    }, "run make contracts"


def test_no_contract_breaks_what_was_published_of_its_major_version(generated: dict[str, str]) -> None:
    current = {path: json.loads(text) for path, text in generated.items() if path.startswith("events/")}
    assert breaks(published(FOLDER), in_folder(FOLDER) | current) == []


def test_the_clone_has_all_that_was_published() -> None:
    if is_shallow(FOLDER):
        pytest.skip("a shallow clone: contracts are compared with its last versions only; git fetch --unshallow")


def test_what_is_generated_is_the_same_every_time(services: tuple[Found, ...], generated: dict[str, str]) -> None:
    assert documents(services) == generated


def test_a_schema_that_breaks_the_committed_one_is_not_written(folder: Path, commit: Callable[[], None]) -> None:
    assert written(folder, first=PARCEL) == []
    commit()
    (broken,) = written(folder, first=NUMBERED)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")
    assert in_folder(folder) == {FIRST: PARCEL}


def test_a_compatible_schema_takes_the_place_of_the_committed_one(folder: Path, commit: Callable[[], None]) -> None:
    written(folder, first=PARCEL)
    commit()
    assert written(folder, first=WITH_NOTE) == []
    assert in_folder(folder) == {FIRST: WITH_NOTE}


def test_a_new_major_version_may_differ_and_the_old_one_stays(folder: Path, commit: Callable[[], None]) -> None:
    written(folder, first=PARCEL)
    commit()
    assert written(folder, second=NEXT_MAJOR) == []
    assert in_folder(folder) == {FIRST: PARCEL, SECOND: NEXT_MAJOR}


def test_an_old_major_version_may_neither_be_deleted_nor_edited(folder: Path, commit: Callable[[], None]) -> None:
    written(folder, first=PARCEL)
    commit()
    (folder / FIRST).unlink()
    assert written(folder, second=NEXT_MAJOR) == [
        f"{FIRST}: it was published and is gone: its events are in the queues and in history"
    ]
    (folder / FIRST).write_text(json.dumps(NUMBERED))
    (broken,) = written(folder, second=NEXT_MAJOR)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")


def test_what_was_forced_into_a_commit_is_found_until_it_is_reverted(folder: Path, commit: Callable[[], None]) -> None:
    for version in (PARCEL, NUMBERED, NUMBERED_WITH_NOTE):
        (folder / FIRST).parent.mkdir(exist_ok=True)
        (folder / FIRST).write_text(json.dumps(version))
        commit()
    assert published(folder) == {FIRST: PARCEL}
    found = breaks(published(folder), in_folder(folder))
    assert [line.partition(": string")[0] for line in found] == [f"{FIRST}: data.parcel"]
    assert written(folder, first=WITH_NOTE) == []
    commit()
    assert published(folder) == {FIRST: WITH_NOTE}


def test_what_was_deleted_in_a_commit_is_still_published(folder: Path, commit: Callable[[], None]) -> None:
    written(folder, first=PARCEL)
    commit()
    (folder / FIRST).unlink()
    commit()
    assert breaks(published(folder), in_folder(folder)) == [
        f"{FIRST}: it was published and is gone: its events are in the queues and in history"
    ]


def test_a_field_that_was_ever_published_is_never_taken_away(folder: Path, commit: Callable[[], None]) -> None:
    for version in (PARCEL, WITH_NOTE):
        assert written(folder, first=version) == []
        commit()
    (broken,) = written(folder, first=PARCEL)
    assert broken.startswith(f"{FIRST}: data.note: the field is gone")


def test_what_two_branches_added_is_published_by_their_merge(
    folder: Path, git: Callable[..., None], commit: Callable[[], None]
) -> None:
    written(folder, first=PARCEL)
    commit()
    git("checkout", "--quiet", "-b", "other")
    written(folder, first=WITH_WEIGHT)
    commit()
    git("checkout", "--quiet", "main")
    written(folder, first=WITH_NOTE)
    commit()
    git("merge", "--quiet", "--strategy=ours", "--no-commit", "other")
    assert written(folder, first=WITH_BOTH) == []
    commit()
    assert published(folder) == {FIRST: WITH_BOTH}


@pytest.mark.usefixtures("git")
def test_a_draft_that_was_never_committed_may_change_and_go(folder: Path) -> None:
    assert written(folder, first=PARCEL) == []
    assert written(folder, first=NUMBERED) == []
    assert written(folder, second=NEXT_MAJOR) == []
    assert in_folder(folder) == {SECOND: NEXT_MAJOR}


def test_without_git_the_files_themselves_are_what_was_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, first=PARCEL)
    monkeypatch.setenv("PATH", "")
    assert published(folder) == {FIRST: PARCEL}
    (broken,) = written(folder, first=NUMBERED)
    assert broken.startswith(f"{FIRST}: data.parcel: string became integer")


def test_a_folder_that_is_not_there_yet_has_published_nothing(folder: Path) -> None:
    assert published(folder) == {}
    assert written(folder, first=PARCEL) == []
    assert in_folder(folder) == {FIRST: PARCEL}
