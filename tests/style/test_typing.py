"""A type checker follows a handler from its declaration to the effect's result: wrong code is refused."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CODE = """
from dataclasses import dataclass

from msgspec import Struct

from tidings import Contract, Decision, Entity, Event, Perform, Reserve, Save, Service, on


class Opened(Contract, frozen=True, kw_only=True):
    producer = "tickets"

    title: str


class Closed(Contract, frozen=True, kw_only=True):
    producer = "tickets"


class Ticket(Struct, frozen=True):
    title: str = ""


class Invoice(Struct, frozen=True):
    pass


class Printer:
    pass


@dataclass(frozen=True)
class Print:
    def perform(self, printer: Printer) -> int:
        return 1


def on_opened(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Save(Ticket(event.data.title))


def on_closed(entity: Entity[Ticket], event: Event[Closed]) -> Decision[Ticket]:
    return Save(entity.state or Ticket())


def after(entity: Entity[Ticket], pages: int) -> Decision[Ticket]:
    return Save(Ticket())


def after_text(entity: Entity[Ticket], text: str) -> Decision[Ticket]:
    return Save(Ticket())


Service(name="right", state=Ticket, handlers=(on(Opened, on_opened), on(Closed, on_closed)))
Service(name="wrong", state=Ticket, handlers=(on(Closed, on_opened),))  # the event is another
Service(name="wrong", state=Invoice, handlers=(on(Opened, on_opened),))  # the state is another


def prints(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Perform(Print(), after)


def prints_wrongly(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Perform(Print(), after_text)  # the result is another


def reserves_wrongly(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Reserve(Ticket(), Print(), after_text)  # the result is another


def saves_wrongly(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Save(Invoice())  # the state is another


def reads_wrongly(entity: Entity[Ticket], event: Event[Opened]) -> Decision[Ticket]:
    return Save(Ticket(event.data.name))  # the contract has no such field
"""


@pytest.fixture(scope="module")
def refused_lines(tmp_path_factory: pytest.TempPathFactory) -> set[int]:
    folder = tmp_path_factory.mktemp("typing")
    (folder / "handlers.py").write_text(CODE)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "handlers.py"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env={"MYPYPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    errors = re.findall(r"^(\S+):(\d+): error", done.stdout, re.MULTILINE)
    assert {file for file, _ in errors} <= {"handlers.py"}, done.stdout
    return {int(line) for _, line in errors}


@pytest.mark.parametrize(
    "number", [n for n, line in enumerate(CODE.splitlines(), start=1) if "  # the " in line], ids=lambda n: f"line {n}"
)
def test_wrong_code_is_refused(number: int, refused_lines: set[int]) -> None:
    assert number in refused_lines


def test_right_code_is_accepted(refused_lines: set[int]) -> None:
    assert refused_lines == {n for n, line in enumerate(CODE.splitlines(), start=1) if "  # the " in line}
