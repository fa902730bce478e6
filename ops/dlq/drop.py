"""The drop of dead letters: asks for confirmation, and keeps a record of each."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from ops.dlq.queues import DeadLetterSelection
from ops.dlq.report import format_counts
from ops.errors import CommandError
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import DeadLetterFilter, DeadLetterMessage, DeadLetters

Confirm = Callable[[str], bool]
"""Asks a question, and returns whether the answer is yes."""


def drop(
    dead_letters: DeadLetters, selection: DeadLetterSelection, path: Path, confirm: Confirm
) -> Mapping[str, int] | None:
    """Drop the selected dead letters that are in the queue before the confirmation, and no others.

    Args:
        dead_letters: The queue's dead letters.
        selection: The selection.
        path: The file that records them.
        confirm: Asks for confirmation.

    Returns:
        The number of dropped messages by reason; None if the user did not confirm.
    """
    found = dead_letters.find(selection.selects).letters
    reasons = Counter(details.reason for _, details in found)
    if not found:
        return reasons
    if not confirm(f"{selection.service}: {format_counts(reasons, 'will be dropped')}"):
        return None
    confirmed = DeadLetterFilter(messages=frozenset(message.id for message, _ in found))
    return dead_letters.drop(partial(record, path), confirmed.selects).reasons


def record_path(directory: Path, stage: str, selection: DeadLetterSelection) -> Path:
    """Return the file that records the messages dropped from a queue, one in each line."""
    return directory / "dropped" / f"{stage}-{selection.service}-{selection.kind}.jsonl"


def record(path: Path, messages: Sequence[DeadLetterMessage]) -> None:
    """Append messages to a file that only its owner can read. They are on the disk when this returns.

    Raises:
        CommandError: If the file cannot be written.
    """
    if not messages:
        return
    dropped_at = to_rfc3339(now())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("ab") as file:
            for message in messages:
                file.write(msgspec.json.encode({"dropped_at": dropped_at} | msgspec.to_builtins(message)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error}): nothing was dropped that is not recorded") from error
