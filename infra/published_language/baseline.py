"""The baseline of published contracts, and publishing new versions.

A contract is published once its schema is part of a release, because services may then read events by it and the event
log keeps them. `FIRST_RELEASE` names the commit of the first release; without one, every schema is a draft. From that
commit on each committed version counts. The baseline comes from git, not from the files that `make contracts` is about
to overwrite: a version of a schema that is compatible with the one before replaces it, and an incompatible version is
ignored (it was committed in spite of the checks, and reverting it repairs the history).

The generator refuses to write a schema that is incompatible with the baseline. The tests compare again, and so find
files that were edited or deleted and then committed. This works in every clone with its history, on branches and
after merges. A draft that was never committed may change freely. A shallow clone contains only the last versions, and
a copy without git only its own files, so less can be compared there.

The schema of a published contract is never deleted. After a new major version, or once no service announces the event,
queues and the event log may still contain its events.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from infra.application import Application
from infra.discovery import ROOT
from infra.openapi.document import openapi_document
from infra.published_language.asyncapi import asyncapi_document
from infra.published_language.compatibility import incompatibilities
from infra.published_language.index import index_page
from infra.published_language.privacy import privacy_page
from infra.published_language.schemas import SCHEMAS, Json, event_schema, schema_path

FOLDER = ROOT / "docs" / "contracts"

PRIVACY = "../privacy.md"
"""The path of the page about personal data, which is beside the folder of documents."""

FIRST_RELEASE: str | None = None
"""The commit of the first release. None means that nothing is released, so contracts may change freely."""

Schemas = Mapping[str, Json]
"""Schemas of events, by their path in the folder of documents."""


def documents(application: Application) -> dict[str, str]:
    """Return the text of every generated file, by its path in the folder of documents."""
    return {
        **{schema_path(contract): _text(event_schema(contract)) for contract in application.contracts},
        "asyncapi.json": _text(asyncapi_document(application)),
        "openapi.json": _text(openapi_document(application)),
        "README.md": index_page(application),
        PRIVACY: privacy_page(application),
    }


def publish(folder: Path, generated: Mapping[str, str], release: str | None = FIRST_RELEASE) -> list[str]:
    """Write generated files, unless a schema breaks a published one.

    Args:
        folder: The folder of documents.
        generated: The text of each file, by its path in the folder.
        release: The commit of the first release; None if there is no release.

    Returns:
        The incompatibilities. Nothing is written if there are any.
    """
    baseline = published_schemas(folder, release)
    schemas = {path: json.loads(text) for path, text in generated.items() if path.startswith(SCHEMAS)}
    retired = {path: schema for path, schema in current_schemas(folder).items() if path in baseline}
    problems = compare(baseline, retired | schemas)
    if problems:
        return problems
    for path, text in generated.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for path in current_schemas(folder).keys() - generated.keys() - retired.keys():
        (folder / path).unlink()
    return []


def compare(baseline: Schemas, current: Schemas) -> list[str]:
    """Return how current schemas break the published ones."""
    return [
        f"{path}: {problem}" for path in sorted(baseline) for problem in _problems(baseline[path], current.get(path))
    ]


def current_schemas(folder: Path) -> dict[str, Json]:
    """Return the schemas in the folder of documents as they are now."""
    files = (folder / SCHEMAS).rglob("*.json")
    return {file.relative_to(folder).as_posix(): json.loads(file.read_text(encoding="utf-8")) for file in files}


def published_schemas(folder: Path, release: str | None = FIRST_RELEASE) -> Schemas:
    """Return the last published version of each schema.

    Args:
        folder: The folder of documents.
        release: The commit of the first release; None if there is no release, so that nothing is published.

    Returns:
        The current schemas if there is no git repository.
    """
    if release is None:
        return {}
    released = _git(folder, "ls-tree", "-r", release, SCHEMAS)
    later = _git(folder, "rev-list", "--reverse", "--topo-order", "--full-history", f"{release}..HEAD", "--", SCHEMAS)
    # A merge is compared with each parent, because it publishes what both branches added together.
    options = ("--stdin", "--root", "-m", "-r", "--relative", "--diff-filter=AM")
    changes = _git(folder, "diff-tree", *options, SCHEMAS, text=later)
    if released is None or changes is None:
        return current_schemas(folder)
    last: dict[str, Json] = {}
    for path, blob in (*_blobs(released, column=2), *_blobs(changes, column=3)):
        version: Json = json.loads(_git(folder, "cat-file", "blob", blob) or "")
        if path not in last or not incompatibilities(last[path], version):
            last[path] = version
    return last


def is_shallow(folder: Path) -> bool:
    """Return whether the clone lacks a part of its history."""
    return (_git(folder, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def _problems(published: Json, current: Json | None) -> list[str]:
    if current is None:
        return ["a published schema is missing: queues and the event log may contain its events"]
    return incompatibilities(published, current)


def _blobs(lines: str, column: int) -> list[tuple[str, str]]:
    """Return the path and the blob of each line in which git lists a file."""
    parts = [line.partition("\t") for line in lines.splitlines()]
    return [(path, listed.split()[column]) for listed, tab, path in parts if tab]


def _git(folder: Path, *arguments: str, text: str | None = "") -> str | None:
    """Return git's output for this input; None if there is no git, no repository or no such commit."""
    git = shutil.which("git")
    if git is None or not folder.is_dir():
        return None
    command = [git, "-C", str(folder), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return done.stdout if done.returncode == 0 else None


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
