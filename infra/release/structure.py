"""The structure of a release, and the changes of it that CloudFormation refuses or that lose messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from infra.application import Application
from infra.discovery import ROOT
from tidings.core.service import Index, QueueKind

RELEASE = ROOT / "infra" / "release" / "release.json"
"""The structure of the last release. `make record` writes it."""


class IndexStructure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of an index that cannot change under the same name; see `Index`."""

    partition: str
    sort: str
    projects: tuple[str, ...]
    numeric: bool


class Structure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of an application that cannot change like others.

    Attributes:
        queues: The kind of each queue, by service.
        indexes: The indexes of each table, by service and by their names.
    """

    queues: Mapping[str, QueueKind]
    indexes: Mapping[str, Mapping[str, IndexStructure]]


def structure_of(application: Application) -> Structure:
    """Return an application's structure, as its services declare it."""
    services = [folder.service for folder in application.services]
    return Structure(
        {service.name: service.queue for service in services if service.consumes},
        {service.name: {index.name: _structure_of_index(index) for index in service.indexes} for service in services},
    )


def read_release(file: Path = RELEASE) -> Structure | None:
    """Return the structure of the last release, or None if no release is recorded."""
    return msgspec.json.decode(file.read_bytes(), type=Structure) if file.exists() else None


def write_release(structure: Structure, file: Path = RELEASE) -> None:
    """Record a structure as that of the last release."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(structure)) + b"\n")


def refused_changes(released: Structure | None, current: Structure) -> list[str]:
    """Return a message for each change since the last release that must not be deployed.

    Args:
        released: The structure of the last release; None if no release is recorded.
        current: The structure of the code.

    Returns:
        A description of each change and of the way out. A service that is new has no such change.
    """
    if released is None:
        return []
    problems = [*_queue_changes(released, current)]
    for service in sorted(released.indexes.keys() & current.indexes.keys()):
        problems += _index_changes(service, released.indexes[service], current.indexes[service])
    return problems


def _queue_changes(released: Structure, current: Structure) -> Iterator[str]:
    for service in sorted(released.queues.keys() & current.queues.keys()):
        before, after = released.queues[service], current.queues[service]
        if before != after:
            yield (
                f"The queue of {service} is {before} in the last release and {after} now. CloudFormation would replace "
                "the queue and its dead-letter queue, and delete the messages in them. First drain both: see "
                '"Change the kind of a queue" in docs/guides/deploy.md.'
            )


def _index_changes(
    service: str, released: Mapping[str, IndexStructure], current: Mapping[str, IndexStructure]
) -> Iterator[str]:
    for name in sorted(released.keys() & current.keys()):
        if released[name] != current[name]:
            yield (
                f"The index {name!r} of {service} has other keys or another projection than in the last release, which "
                "CloudFormation refuses under the same name. Restore it and add an index with another name: see "
                '"Change an index" in docs/guides/deploy.md.'
            )
    if len(changed := sorted(released.keys() ^ current.keys())) > 1:
        yield (
            f"The table of {service} gains or loses {len(changed)} indexes since the last release "
            f"({', '.join(changed)}). CloudFormation creates or deletes one index of a table per deployment. Release "
            'them one after another: see "Change an index" in docs/guides/deploy.md.'
        )


def _structure_of_index(index: Index) -> IndexStructure:
    return IndexStructure(index.partition, index.sort, index.projects, index.numeric)
