"""How the commands talk: results on stdout, progress and complaints on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status

# Where nobody watches, in a file or a pipe, a table may be as wide as it needs to be.
results = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
progress = Console(stderr=True, highlight=False)


class Step:
    """Work under way; `says` replaces what is shown of it, `done` reports a part of it for good."""

    def __init__(self, status: Status, title: str) -> None:
        self._status = status
        self._title = title

    def says(self, detail: str) -> None:
        """Shows what is going on right now."""
        self._status.update(f"{self._title}: {escape(detail)}")

    def done(self, part: str) -> None:
        """Leaves a line that this part is finished."""
        progress.print(f"  [green]✓[/] {escape(part)}", soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Shows that `title` is under way, then how long it took.

    Where there is no terminal, to animate a line on, the title is printed at the beginning instead.
    """
    begun = time.monotonic()
    if not progress.is_terminal:
        progress.print(f"{escape(title)} …", soft_wrap=True)
    with progress.status(escape(title)) as status:
        yield Step(status, escape(title))
    progress.print(f"[green]✓[/] {escape(title)} [dim]({time.monotonic() - begun:.0f} s)[/]", soft_wrap=True)
