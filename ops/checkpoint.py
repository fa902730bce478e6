"""How far a replay has come, kept in a file so that the same command goes on where the last one broke off."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from ops.failure import Failure
from ops.sequence import Gap

Phase = Literal["send", "handle"]


class Progress(Struct, frozen=True):
    """What was done: all up to `moment` is sent, `sent` messages by type, and `gaps` were found on the way.

    A rebuild's `phase` is `handle` once all is sent and the consumer is at work again.
    """

    moment: str = ""
    sent: dict[str, int] = {}
    gaps: tuple[Gap, ...] = ()
    phase: Phase = "send"


@dataclass(frozen=True)
class Checkpoint:
    """The file of one command: the same arguments, on the same tables, find it again."""

    path: Path

    @classmethod
    def of(cls, directory: Path, consumer: str, *arguments: object) -> "Checkpoint":
        """The file for a consumer and arguments, whose digest is part of its name."""
        digest = hashlib.sha256(msgspec.json.encode([str(argument) for argument in arguments])).hexdigest()[:16]
        return cls(directory / f"replay-{consumer}-{digest}.json")

    def load(self) -> Progress | None:
        """What the last run left; None where it was finished, or there was none."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise Failure(f"{self.path} cannot be read ({error}); --restart begins anew") from error

    def save(self, progress: Progress) -> None:
        """Replaces the file as a whole, so that a crash leaves the old one or the new."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(progress))
        new.replace(self.path)

    def remove(self) -> None:
        """It is finished, or to be begun anew."""
        self.path.unlink(missing_ok=True)


@contextmanager
def alone(directory: Path, consumer: str) -> Iterator[None]:
    """Keeps a second replay to the same consumer from running on this machine at the same time."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"replay-{consumer}.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(f"another replay to {consumer} is under way on this machine") from error
        yield
