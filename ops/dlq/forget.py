"""The deletion of the local records of dropped dead letters, which contain the messages' texts."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ops.dlq.queues import MISSING
from ops.errors import CommandError
from tidings.core.clock import from_rfc3339
from tidings.recovery import DeadLetterMessage
from tidings.recovery.dead_letters import event_of


class Dropped(msgspec.Struct, frozen=True):
    """A line of a record, as far as it says whether the message is selected.

    Attributes:
        dropped_at: When the message was dropped (RFC 3339).
        body: The message's text.
        group: Its message group.
    """

    dropped_at: str
    body: str
    group: str | None = None

    @property
    def subject(self) -> str | None:
        """The key of the entity that the message is about; its message group if it holds no event."""
        event = event_of(DeadLetterMessage("", "", self.body, 0))
        return event.subject if event else self.group


def recorded(directory: Path, stage: str, service: str | None) -> list[Path]:
    """Return the files that record a stage's dropped messages, of one service or of all."""
    folder = directory / "dropped"
    return sorted(path for kind in MISSING for path in folder.glob(f"{stage}-{service or '*'}-{kind}.jsonl"))


def forget(files: Sequence[Path], order: str | None, before: int | None, *, dry_run: bool = False) -> int:
    """Delete the records of dropped messages, and return their number.

    Args:
        files: The files. A file without a record is deleted.
        order: Only messages about this order, or with this key.
        before: Only messages dropped before this time, in milliseconds since 1970.
        dry_run: Whether to count the messages, and delete none.

    Raises:
        CommandError: If a file cannot be read or written.
    """
    return sum(_forget(path, order, before, dry_run=dry_run) for path in files)


def _forget(path: Path, order: str | None, before: int | None, *, dry_run: bool) -> int:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_selected(line, order, before)]
        if not dry_run:
            _replace(path, kept)
    except (OSError, ValueError) as error:
        # The error's text may contain a part of the file.
        raise CommandError(f"{path} cannot be read or written; delete it yourself if it is not needed") from error
    return len(lines) - len(kept)


def _is_selected(line: bytes, order: str | None, before: int | None) -> bool:
    dropped = msgspec.json.decode(line, type=Dropped)
    return (order is None or dropped.subject == order) and (before is None or from_rfc3339(dropped.dropped_at) < before)


def _replace(path: Path, lines: Sequence[bytes]) -> None:
    """Replace a file by one with these lines, which only its owner can read; delete it if there is no line."""
    if not lines:
        path.unlink()
        return
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    with new.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
