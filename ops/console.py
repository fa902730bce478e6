"""The console: results on stdout, progress and errors on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

# A table in a file or a pipe may be as wide as it needs.
results = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
progress = Console(stderr=True, highlight=False)


def plain(text: str) -> str:
    """Return a text without the characters that a terminal obeys instead of showing: messages may hold any."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


class Step:
    """A step in progress. It shows one changing line, and a lasting line for each finished part."""

    def __init__(self, status: Status, title: str) -> None:
        self._status = status
        self._title = title

    def update(self, detail: str) -> None:
        """Show the current state."""
        self._status.update(f"{self._title}: {escape(detail)}")

    def finish_part(self, part: str) -> None:
        """Print a line about a finished part."""
        progress.print(f"  [green]✓[/] {escape(part)}", soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show that a step is in progress, and at the end how long it took.

    Without a terminal, which could animate a line, the title is printed at the beginning.
    """
    begun = time.monotonic()
    if not progress.is_terminal:
        progress.print(f"{escape(title)} …", soft_wrap=True)
    with progress.status(escape(title)) as status:
        yield Step(status, escape(title))
    progress.print(f"[green]✓[/] {escape(title)} [dim]({time.monotonic() - begun:.0f} s)[/]", soft_wrap=True)


def print_result(text: str) -> None:
    """Print a line of the result as it is."""
    results.print(plain(text), markup=False, soft_wrap=True)


def print_note(text: str) -> None:
    """Print a note on stderr as it is."""
    progress.print(plain(text), markup=False, soft_wrap=True)


def print_json(answer: object) -> None:
    """Print an answer as indented JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def print_answer(answer: object, as_json: bool, print_text: Callable[[], None]) -> None:
    """Print an answer as JSON, or as text by a function."""
    if as_json:
        print_json(answer)
    else:
        print_text()
