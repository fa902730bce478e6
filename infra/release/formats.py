"""The stored formats of a release, and the changes of them that break the release before, which runs beside it.

A state keeps every field of the last release in the same form. A new field has a default and names the release that
adds it: the next one after the last. An item keeps its attributes, because a release writes those that it knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from infra.discovery import ROOT
from infra.published_language.compatibility import Comparison
from infra.published_language.schemas import DEFINITIONS, DIALECT, Json, portable
from tidings.aws.dynamodb import to_attributes
from tidings.core.entity import InProgress, StoredEntity
from tidings.core.formats import SINCE, parse_release
from tidings.core.service import Service

if TYPE_CHECKING:
    from infra.application import Application

FORMATS = ROOT / "infra" / "release" / "formats.json"
"""The stored formats of the last release. `make record` writes them."""

SAMPLE = StoredEntity(
    key="key",
    version=2,
    state="{}",
    inbox=("source/1",),
    outbox=('{"id":"service/key/1","type":"Sampled","subject":"key"}',),
    in_progress={"source/2": InProgress("token", 1_700_000_000_000)},
    announces=True,
    attributes={"owner": "someone"},
    erased=True,
    format="1.0",
)
"""An entity with every attribute that an entity's item can have."""


class Formats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stored formats of a release.

    Attributes:
        release: The release's number.
        item: The item of `SAMPLE`, in the form of DynamoDB's API.
        states: The JSON Schema of the states of each kind of entities; see `kinds_of`.
    """

    release: str
    item: Json
    states: Mapping[str, Json]


def formats_of(release: str, services: Sequence[Service[Any]]) -> Formats:
    """Return the stored formats of services, as they declare them."""
    states = {name: state_schema(kind.state) for name, kind in kinds_of(services).items()}
    return Formats(release, dict(to_attributes(SAMPLE)), states)


def kinds_of(services: Sequence[Service[Any]]) -> dict[str, Service[Any]]:
    """Return the declaration of each kind of entities by name: `tickets`, and `tickets.Desk` for a further kind."""
    return {
        **{service.name: service for service in services if service.state is not type(None)},
        **{f"{service.name}.{kind.state.__name__}": kind for service in services for kind in service.kinds},
    }


def services_of(application: Application) -> list[Service[Any]]:
    """Return the services of an application."""
    return [folder.service for folder in application.services]


def state_schema(state: type) -> Json:
    """Return the JSON Schema of a state."""
    (root,), definitions = msgspec.json.schema_components([state], ref_template=f"{DEFINITIONS}{{name}}")
    schema = {"$schema": DIALECT, **root, "$defs": {name: definitions[name] for name in sorted(definitions)}}
    # As a file contains it: a default's tuple is a list.
    parsed: Json = json.loads(json.dumps(portable(schema)))
    return parsed


def read_formats(file: Path = FORMATS) -> Formats | None:
    """Return the stored formats of the last release, or None if no release is recorded."""
    return msgspec.json.decode(file.read_bytes(), type=Formats) if file.exists() else None


def write_formats(formats: Formats, file: Path = FORMATS) -> None:
    """Record stored formats as those of the last release."""
    file.write_text(json.dumps(msgspec.to_builtins(formats), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def refused_formats(released: Formats, services: Sequence[Service[Any]]) -> list[str]:
    """Return a message for each change that breaks a release which runs beside the current code.

    Args:
        released: The stored formats of the release.
        services: The services of the code. One that is new has no such change, nor has a new kind of entities.
    """
    current = formats_of(released.release, services)
    problems = []
    if current.item != released.item:
        problems.append("The attributes of items have changed: the release before would drop a new one.")
    for name in sorted(released.states.keys() & current.states.keys()):
        problems += compare_states(released.release, released.states[name], current.states[name], name)
    return problems


def compare_states(release: str, published: Json, current: Json, name: str) -> list[str]:
    """Return how the current schema of a service's states breaks that of a release, each with the reason."""
    comparison = _StateComparison(published, current)
    comparison.release = release
    return [f"{name}: {problem}" for problem in comparison.differences("", published, current)]


def too_new(release: str, last: Formats | None, services: Sequence[Service[Any]]) -> list[str]:
    """Return why a release cannot be recorded under a number: it is not the next, or a field names a later one."""
    try:
        number = parse_release(release)
    except ValueError as error:
        return [str(error)]
    problems = []
    if last and number <= parse_release(last.release):
        problems.append(f"Release {release} is not after the recorded one, {last.release}.")
    for name, kind in kinds_of(services).items():
        later = sorted(each for each in kind.codec.format.releases if parse_release(each) > number)
        problems += [f"{name}: a field was added by release {each}, which is later" for each in later]
    return problems


def written_early(released: Formats, service: Service[Any], state: Any) -> list[str]:
    """Return the fields that a state has a value in, although the release that adds them only reads them.

    Args:
        released: The stored formats of the last release.
        service: The service, or one of its further kinds of entities.
        state: One of its states.
    """
    last = parse_release(released.release)
    return [field.name for field in service.codec.format.written(state) if parse_release(field.release) > last]


class _StateComparison(Comparison):
    whole: ClassVar[str] = "the state"
    plural: ClassVar[str] = "states"
    breaks_older: ClassVar[str] = "states that were stored before would be refused"
    breaks_readers: ClassVar[str] = "the release before would refuse new states"
    release: str = ""

    def new_field(self, path: str, field: Json, *, required: bool) -> Iterator[str]:
        yield from super().new_field(path, field, required=required)
        named = field.get(SINCE)
        if named is None:
            yield (
                f"{path}: a new field that names no release: the release before would drop it. Declare "
                "`since` with the next release's number (tidings.core.formats)"
            )
        elif parse_release(named) <= parse_release(self.release):
            yield f"{path}: a new field that release {named} has not added: the last release is {self.release}"
