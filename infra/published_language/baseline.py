"""The baseline of published contracts, and publishing new versions.

A contract is published once its schema is part of a release, because services may then read events by it, and outboxes
and the event log keep them. `make record` records the schemas of a release in `infra/release/schemas/`. A contract or a
field that was added since then is a draft, and may change freely.

The generator refuses to write a schema that is incompatible with the recorded one, and the tests compare again. The
schema of a published contract is never deleted: after a new major version, or once no service announces the event,
queues, outboxes and the event log may still contain its events.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.application import Application
from infra.discovery import ROOT
from infra.openapi.document import openapi_document
from infra.published_language.asyncapi import asyncapi_document
from infra.published_language.compatibility import incompatibilities
from infra.published_language.index import index_page
from infra.published_language.privacy import privacy_page
from infra.published_language.schemas import SCHEMAS, Json, event_schema, schema_path
from tidings.core.contract import Contract

FOLDER = ROOT / "docs" / "contracts"

RELEASE = ROOT / "infra" / "release"
"""The folder of the last release's record."""

PRIVACY = "../privacy.md"
"""The path of the page about personal data, which is beside the folder of documents."""

Schemas = Mapping[str, Json]
"""Schemas of events, by their path in the folder of documents or of a release."""


def documents(application: Application) -> dict[str, str]:
    """Return the text of every generated file, by its path in the folder of documents."""
    return {
        **{path: _text(schema) for path, schema in schemas_of(application.contracts).items()},
        "asyncapi.json": _text(asyncapi_document(application)),
        "openapi.json": _text(openapi_document(application)),
        "README.md": index_page(application),
        PRIVACY: privacy_page(application),
    }


def schemas_of(contracts: Iterable[type[Contract]]) -> Schemas:
    """Return the schemas of contracts, and of the older versions that their upcasters read."""
    versions = (version for contract in contracts for version in contract.versions())
    return {schema_path(version): event_schema(version) for version in versions}


def schemas_in(folder: Path) -> dict[str, Json]:
    """Return the schemas in the folder of documents, or of a release, as they are now."""
    files = (folder / SCHEMAS).rglob("*.json")
    return {file.relative_to(folder).as_posix(): json.loads(file.read_text(encoding="utf-8")) for file in files}


def write_schemas(folder: Path, schemas: Schemas) -> None:
    """Write schemas into a folder, and delete all others in it."""
    for path, schema in schemas.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(_text(schema), encoding="utf-8")
    for path in schemas_in(folder).keys() - schemas.keys():
        (folder / path).unlink()


def publish(folder: Path, application: Application, baseline: Schemas) -> list[str]:
    """Write the generated files, unless a schema breaks a published one.

    Args:
        folder: The folder of documents.
        application: The application that they describe.
        baseline: The schemas of the last release. They stay although nothing announces their events any more.

    Returns:
        The problems; see `broken`. Nothing is written if there are any.
    """
    if problems := broken(baseline, application.contracts):
        return problems
    write_schemas(folder, {**baseline, **schemas_of(application.contracts)})
    for path, text in documents(application).items():
        (folder / path).write_text(text, encoding="utf-8")
    return []


def broken(baseline: Schemas, contracts: Iterable[type[Contract]]) -> list[str]:
    """Return how contracts break those of the last release.

    A published version must stay compatible, and an event type that has a newer version must have upcasters from each
    published one. An event type that nothing announces any more breaks nothing.
    """
    contracts = tuple(contracts)
    current, types = schemas_of(contracts), {contract.__name__ for contract in contracts}
    problems = []
    for path, published in sorted(baseline.items()):
        if path in current:
            problems += [f"{path}: {problem}" for problem in incompatibilities(published, current[path])]
        elif published["title"] in types:
            problems.append(
                f"{path}: no upcaster reads this version: queues, outboxes and the event log contain its events"
            )
    return problems


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
