"""The generator of a new consumer: a complete service, for its author to develop further."""

import keyword
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ops.errors import CommandError
from ops.scaffold.samples import SampleSource
from ops.scaffold.templates import HANDLER, HANDLERS, SERVICE, SUBSCRIPTION, TEST, TEST_EVENT
from ops.services import service_named, service_names
from tidings.core.contract import Contract

NAME = re.compile(r"[a-z][a-z0-9]{1,30}")
RESERVED_NAMES = ("bus", "api", "web", "users", "alarms", "monitoring", "gateway")
"""The names of a stage's other stacks and resources."""


def known_events() -> Mapping[str, type[Contract]]:
    """Return the contracts of all events that services announce, by event type."""
    return {contract.__name__: contract for name in service_names() for contract in service_named(name).announces}


def new_consumer(root: Path, name: str, events: Sequence[str], known: Mapping[str, type[Contract]]) -> list[Path]:
    """Create a consumer's folder and its test, and add it to the generated documents.

    Args:
        root: The project's folder.
        name: The service's name.
        events: The event types that it handles.
        known: The contracts of all events.

    Returns:
        The new files.

    Raises:
        CommandError: If the name is invalid or taken, or an event is unknown. Then nothing is written.
    """
    _check(root, name, events, known)
    texts = _texts(name, [known[event] for event in sorted(set(events))])
    files = [root / path for path in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for command in (
        ["ruff", "check", "--quiet", "--select", "I", "--fix", *map(str, files)],
        ["ruff", "format", "--quiet", *map(str, files)],
        ["infra.published_language"],
    ):
        _run(root, command)
    return [Path(path) for path in texts]


def _check(root: Path, name: str, events: Sequence[str], known: Mapping[str, type[Contract]]) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CommandError(
            f"{name!r} is not a service's name: use 2 to 31 lower-case letters and digits, a letter first"
        )
    if (root / "functions" / name).exists():
        raise CommandError(f"functions/{name} exists; choose another name")
    if name in RESERVED_NAMES:
        raise CommandError(f"{name!r} is the name of another part of a stage; choose another name")
    if unknown := sorted(set(events) - known.keys()):
        raise CommandError(f"there is no event {', '.join(unknown)}; there are {', '.join(sorted(known))}")


def _texts(name: str, contracts: Sequence[type[Contract]]) -> dict[str, str]:
    types = [contract.__name__ for contract in contracts]
    handlers = {event: f"on_{_snake_case(event)}" for event in types}
    imports = _imports(contracts)
    samples = SampleSource()
    events = [
        TEST_EVENT.format(sample=samples.of_contract(each), number=n) for n, each in enumerate(contracts, start=1)
    ]
    folder = f"functions/{name}"
    return {
        f"{folder}/service.py": SERVICE.format(
            title=name.capitalize(),
            name=name,
            imports=imports,
            subscriptions=", ".join(SUBSCRIPTION.format(event=event, handler=handlers[event]) for event in types),
        ),
        f"{folder}/handlers.py": HANDLERS.format(
            name=name,
            imports=imports,
            handlers="".join(HANDLER.format(event=event, handler=handlers[event]) for event in types),
        ),
        f"tests/unit/functions/test_{name}.py": TEST.format(
            name=name, imports=_imports(samples.classes), events=", ".join(events), types=tuple(types)
        ),
    }


def _imports(classes: Iterable[type]) -> str:
    return "\n".join(f"from {each.__module__} import {each.__name__}" for each in classes)


def _snake_case(event: str) -> str:
    """Return `OrderPlaced` as `order_placed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def _run(root: Path, command: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603 - the project's own tools, with its own files
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}")
