"""What has been published, and publishing anew.

A contract is published once it is committed: somebody may read events by it, and history keeps them. So the
baseline is git's, not the file that `make contracts` is about to overwrite. The history of HEAD is walked from its
beginning: a version of an event's schema that is compatible with the one before is published in its place, and one that
is not has never been (somebody got past the checks, and reverting it is the way out). The generator refuses to write
what is incompatible with what is published, and the tests compare again, which finds files that were edited or deleted
and then committed. That holds in any clone with its history, on a branch or merged, and needs neither a branch's name
nor a second copy to keep; a draft that was never committed may still change freely. A shallow clone has only its last
versions to compare with (the tests say so), and a copy without git only its own files: there the generator still
refuses, and no more can be known.

A schema that is published stays: raised to a new major version, or announced no more, it has events in the queues
and in history.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import openapi
from infra.contracts import asyncapi, index
from infra.contracts.compatibility import incompatibilities
from infra.contracts.schemas import Json, catalogue, event_schema
from infra.services import ROOT, Found
from infra.stages import STAGES

FOLDER = ROOT / "docs" / "contracts"
EVENTS = "events"

Schemas = Mapping[str, Json]
"""Events' schemas, by the files' paths in the folder."""


def documents(services: Sequence[Found]) -> dict[str, str]:
    """Every file that is generated, by its path in the folder."""
    contracts = catalogue()
    return {
        **{asyncapi.event_file(contract): _text(event_schema(contract)) for contract in contracts},
        "asyncapi.json": _text(asyncapi.document(services, contracts, STAGES["prod"])),
        "openapi.json": _text(openapi.document(services)),
        "README.md": index.page(services, contracts),
    }


def publish(folder: Path, generated: Mapping[str, str]) -> list[str]:
    """Writes the files, or nothing where that would break a published contract: then it says what would break."""
    baseline = published(folder)
    schemas = {path: json.loads(text) for path, text in generated.items() if path.startswith(EVENTS)}
    kept = {path: schema for path, schema in in_folder(folder).items() if path in baseline}
    broken = breaks(baseline, kept | schemas)
    if broken:
        return broken
    (folder / EVENTS).mkdir(parents=True, exist_ok=True)
    for path, text in generated.items():
        (folder / path).write_text(text, encoding="utf-8")
    for path in in_folder(folder).keys() - generated.keys() - kept.keys():
        (folder / path).unlink()
    return []


def breaks(baseline: Schemas, current: Schemas) -> list[str]:
    """How the current schemas break the published ones."""
    return [f"{path}: {what}" for path in sorted(baseline) for what in _broken(baseline[path], current.get(path))]


def in_folder(folder: Path) -> dict[str, Json]:
    """The events' schemas that lie in the folder."""
    return {f"{EVENTS}/{file.name}": json.loads(file.read_text()) for file in (folder / EVENTS).glob("*.json")}


def published(folder: Path) -> Schemas:
    """What was published last of each event's schema; where there is no git, what lies in the folder."""
    commits = _git(folder, "rev-list", "--reverse", "--topo-order", "--full-history", "HEAD", "--", EVENTS)
    # A merge's files are told apart from each parent's: what two branches added is published together.
    changes = _git(folder, "diff-tree", "--stdin", "--root", "-m", "-r", "--diff-filter=AM", EVENTS, given=commits)
    if commits is None or changes is None:
        return in_folder(folder)
    last: dict[str, Json] = {}
    for line in changes.splitlines():
        change, tab, file = line.partition("\t")
        if tab:
            path = f"{EVENTS}/{Path(file).name}"
            version: Json = json.loads(_git(folder, "cat-file", "blob", change.split()[3]) or "")
            if path not in last or not incompatibilities(last[path], version):
                last[path] = version
    return last


def is_shallow(folder: Path) -> bool:
    """Whether the clone lacks a part of its history."""
    return (_git(folder, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def _broken(baseline: Json, current: Json | None) -> list[str]:
    if current is None:
        return ["it was published and is gone: its events are in the queues and in history"]
    return incompatibilities(baseline, current)


def _git(folder: Path, *arguments: str, given: str | None = "") -> str | None:
    """What git answers; None where there is no git, no repository or no commit."""
    git = shutil.which("git")
    if git is None or not folder.is_dir():
        return None
    command = [git, "-C", str(folder), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return done.stdout if done.returncode == 0 else None


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
