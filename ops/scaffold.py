"""Writes a new consumer: a folder that is a service already, for its author to make into what it is for."""

import keyword
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.failure import Failure
from tidings.events import Contract

NAME = re.compile(r"[a-z][a-z0-9]{1,30}")

SERVICE = '''"""{title}: what it makes of {events}."""

from functions.{name} import reactions
from tidings.contracts import {imports}
from tidings.service import Service

service = Service(name="{name}", state=reactions.Seen, reactions={{{reactions}}})
'''

REACTIONS = '''"""What {name} makes of an order's events: they may come in any order, and more than once."""

from typing import Any

from msgspec import Struct

from tidings.contracts import {imports}
from tidings.decisions import Commit, Decision
from tidings.events import Event
from tidings.item import Item


class Seen(Struct, frozen=True, omit_defaults=True):
    """What {name} knows of an order: which events it has heard of."""

    events: tuple[str, ...] = ()

{decisions}

def _remember(item: Item[Seen], event: Event[Any]) -> Decision[Seen]:
    known = item.state.events if item.state else ()
    return Commit(Seen(tuple(sorted({{*known, event.type}}))))
'''

DECISION = '''
def {function}(item: Item[Seen], event: Event[{event}], _result: object) -> Decision[Seen]:
    """Remembers that it happened."""
    return _remember(item, event)

'''

CONSUME = '''"""The Lambda function on {name}'s queue."""

from functions.{name}.service import service
from tidings import aws

handler = aws.consume(service)
'''

TEST = """from itertools import permutations

from functions.{name}.reactions import Seen
from functions.{name}.service import service
from msgspec import Raw
from tidings.decisions import Commit
from tidings.events import Event
from tidings.item import Item

TYPES = tuple(contract.__name__ for contract in service.reactions)


def happened(name: str) -> Event[Raw]:
    return Event(
        id="source/order/1",
        source="source",
        type=name,
        dataschema=f"urn:tidings:{{name}}:1",
        subject="order",
        time="2026-01-31T12:00:00.000Z",
        sequence=1,
        correlationid="request",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        data=Raw(),
    )


def test_{name}_knows_the_same_in_whatever_order_it_hears_of_it() -> None:
    for order in permutations(TYPES):
        item = Item[Seen]("order")
        for name in order * 2:
            decision = service.decisions[name](item, happened(name), None)
            assert isinstance(decision, Commit)
            item = Item("order", state=decision.state)
        assert item.state == Seen(tuple(sorted(TYPES)))
"""


def known_events() -> Mapping[str, type[Contract]]:
    """The events that there are, by type."""
    # The command alone is on the path; the project's own folders are once `make_importable` was called.
    from infra.contracts.schemas import catalogue

    return {contract.__name__: contract for contract in catalogue()}


def new_consumer(root: Path, name: str, events: Sequence[str], known: Mapping[str, type[Contract]]) -> list[Path]:
    """Writes the consumer's folder and its test, and its place in the generated documents; gives the files.

    Failure where the name is none, is taken, or an event is unknown: then nothing is written.
    """
    _check(root, name, events, known)
    texts = _texts(name, sorted(set(events)))
    files = [root / path for path in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for command in (
        ["ruff", "check", "--quiet", "--select", "I", "--fix", *map(str, files)],
        ["ruff", "format", "--quiet", *map(str, files)],
        ["infra.contracts"],
    ):
        _run(root, command)
    return [Path(path) for path in texts]


def _check(root: Path, name: str, events: Sequence[str], known: Mapping[str, type[Contract]]) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Failure(f"{name!r} is no name for a service: 2 to 31 small letters and digits, beginning with a letter")
    if (root / "functions" / name).exists():
        raise Failure(f"functions/{name} is there already; choose another name")
    if name in ("bus", "api", "alarms", "monitoring", "gateway"):
        raise Failure(f"{name!r} is the name of something else in a stage; choose another one")
    if unknown := sorted(set(events) - known.keys()):
        raise Failure(f"there is no event {', '.join(unknown)}; there are {', '.join(sorted(known))}")


def _texts(name: str, events: Sequence[str]) -> dict[str, str]:
    imports = ", ".join(events)
    reactions = ", ".join(f"{event}: reactions.{_function(event)}" for event in events)
    decisions = "".join(DECISION.format(function=_function(event), event=event) for event in events)
    folder = f"functions/{name}"
    return {
        f"{folder}/service.py": SERVICE.format(
            title=name.capitalize(), name=name, events=" and ".join(events), imports=imports, reactions=reactions
        ),
        f"{folder}/reactions.py": REACTIONS.format(name=name, imports=imports, decisions=decisions),
        f"{folder}/consume.py": CONSUME.format(name=name),
        f"tests/unit/functions/test_{name}.py": TEST.format(name=name),
    }


def _function(event: str) -> str:
    """`OrderPlaced` as a function's name."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def _run(root: Path, command: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603 - tools of the project's own, with its own files
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}")
