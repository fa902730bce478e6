"""The checkpoint of a command: a file from which the same command continues after a break."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import msgspec
from msgspec import Struct

from tidings.recovery.errors import RecoveryError
from tidings.recovery.resequencer import Gap

Phase = Literal["send", "handle"]
"""The phase of a rebuild: events are sent, or all were sent and the consumer handles them."""


class ReplayProgress(Struct, frozen=True):
    """The progress of a replay.

    Attributes:
        position: The position up to which all events are sent.
        sent: Number of messages sent, by event type.
        gaps: The gaps found in the log.
        phase: The phase of a rebuild.
        failed: The events that cannot be sent, by id, each with the reason: the log's record holds no event, or the
            consumer's queue will never accept it.
    """

    position: str = ""
    sent: dict[str, int] = {}
    gaps: tuple[Gap, ...] = ()
    phase: Phase = "send"
    failed: dict[str, str] = {}


P = TypeVar("P", bound=Struct)

DIGEST_LENGTH = 16
"""Number of characters of the digest in a file's name."""


@dataclass(frozen=True)
class ProgressFile(Generic[P]):
    """The file with the progress of one command. The same arguments on the same tables find the same file.

    Attributes:
        path: The file.
        command: The command, with which the file's name begins.
        progress: The type of the progress.
    """

    path: Path

    command: ClassVar[str]
    progress: ClassVar[type[Any]]

    @classmethod
    def of(cls, directory: Path, service: str, *arguments: object) -> Self:
        """Return the file for a service and a command's arguments. Its name contains their digest."""
        digest = hashlib.sha256(msgspec.json.encode([str(argument) for argument in arguments])).hexdigest()
        return cls(directory / f"{cls.command}-{service}-{digest[:DIGEST_LENGTH]}.json")

    def load(self) -> P | None:
        """Return the progress of an earlier run that did not finish, or None.

        Raises:
            RecoveryError: If the file cannot be read.
        """
        try:
            found: P = msgspec.json.decode(self.path.read_bytes(), type=self.progress)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise RecoveryError(f"{self.path} cannot be read ({error}); delete it to begin again") from error
        return found

    def save(self, progress: P) -> None:
        """Replace the file atomically: after a crash it is the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(progress))
        new.replace(self.path)

    def remove(self) -> None:
        """Delete the file, so that the next run begins at the beginning."""
        self.path.unlink(missing_ok=True)


class Checkpoint(ProgressFile[ReplayProgress]):
    """The progress of a replay to a consumer."""

    command = "replay"
    progress = ReplayProgress


@contextmanager
def exclusive(directory: Path, consumer: str) -> Iterator[None]:
    """Hold a lock that allows one replay to a consumer, or one recovery of it, at a time on this machine.

    Raises:
        RecoveryError: If another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"replay-{consumer}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecoveryError(f"a replay to {consumer}, or its recovery, is in progress on this machine") from error
        yield
