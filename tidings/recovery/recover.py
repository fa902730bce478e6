"""The recovery of a service whose table was restored: brings the table to the present, from the event log.

The steps, each of which a further run may repeat:

1. Refuse to begin while a writer may be at work, or while the log may lack an event.
2. Recall each entity about which an event was recorded since long before the snapshot.
3. Count the service's counters again from its entities.
4. Replay the inputs, of which the consumer ignores those that were recalled.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct

from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.decisions import Increment
from tidings.core.errors import NewerReleaseError, RetryableError
from tidings.recovery.checkpoint import DIGEST_LENGTH, ProgressFile
from tidings.recovery.errors import RecoveryError
from tidings.recovery.ports import EventLog, LoggedEvent, ServiceTable
from tidings.recovery.rate import RateLimit
from tidings.recovery.recalls import Recovery

INPUTS_KEPT = 28 * 24 * 60 * 60 * 1000
"""Milliseconds for which an event may wait to be handled: 14 days in a queue, and 14 more in a dead-letter queue."""

RecoverPhase = Literal["recall", "count", "replay"]
"""The phase of a recovery: the one that is at work, or where it broke off."""


class RecoverProgress(Struct, frozen=True):
    """The progress of a recovery.

    Attributes:
        phase: The phase.
        position: The position in the log up to which all entities are recalled.
        read: Number of entities read.
        recalled: Number of entities that lacked something.
        replayed: Number of inputs sent to the consumer.
    """

    phase: RecoverPhase = "recall"
    position: str = ""
    read: int = 0
    recalled: int = 0
    replayed: int = 0


class RecoverCheckpoint(ProgressFile[RecoverProgress]):
    """The progress of a recovery in a file."""

    command = "recover"
    progress = RecoverProgress

    @classmethod
    def is_unfinished(cls, directory: Path, service: str) -> bool:
        """Return whether a recovery of a service has begun, and not ended."""
        return any(cls._files(directory, service))

    def remove(self) -> None:
        """Delete the file, and those of the service's recoveries from other snapshots, which this one replaces."""
        service = self.path.stem.removeprefix(f"{self.command}-").rpartition("-")[0]
        for file in self._files(self.path.parent, service):
            file.unlink(missing_ok=True)

    @classmethod
    def _files(cls, directory: Path, service: str) -> list[Path]:
        return list(directory.glob(f"{cls.command}-{service}-{'?' * DIGEST_LENGTH}.json"))


class RecoverProgressStore(Protocol):
    """The place where a recovery keeps its progress."""

    def load(self) -> RecoverProgress | None:
        """Return the progress of an earlier run that did not finish, or None."""

    def save(self, progress: RecoverProgress) -> None:
        """Replace the progress."""

    def remove(self) -> None:
        """Forget the progress."""


def ignore_progress(_progress: RecoverProgress) -> None:
    """Ignore the progress of a recovery."""


def first_input(snapshot: str) -> str:
    """Return the time (RFC 3339) from which on an input may not have been handled at the time of a snapshot."""
    return to_rfc3339(max(0, from_rfc3339(snapshot) - INPUTS_KEPT))


@dataclass(kw_only=True)
class Recover:
    """One recovery.

    Attributes:
        recovery: The service's declaration.
        log: The event log.
        table: The service's restored table.
        blockers: Returns why the recovery must not begin: which writer may be at work, and which of the service's
            events the log may lack.
        snapshot: The time (RFC 3339) to which the table was restored.
        end: The time (RFC 3339) before which the log is read.
        port: The port through which the service's effects are performed.
        replay: Sends the consumer all inputs recorded from a time on; returns their number. None without a consumer.
        checkpoint: Keeps the progress; None begins at the beginning on each run.
        watch: Receives the progress after each entity.
        rate: Maximum number of entities read a second; None for no limit.
        saved_every: Number of events read between two checkpoints.
        dry_run: Whether to write and send nothing.
        clock: Returns a time in seconds.
        pause: Waits for a number of seconds.
    """

    recovery: Recovery[Any]
    log: EventLog
    table: ServiceTable
    blockers: Callable[[], Sequence[str]]
    snapshot: str
    end: str
    replay: Callable[[str], int] | None
    port: Any = None
    checkpoint: RecoverProgressStore | None = None
    watch: Callable[[RecoverProgress], None] = ignore_progress
    rate: float | None = None
    saved_every: int = 200
    dry_run: bool = False
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _limit: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self._limit = RateLimit(self.rate, self.clock, self.pause)

    def run(self) -> RecoverProgress:
        """Recover the table. After a break, another run continues.

        Raises:
            RecoveryError: If the recovery must not begin, if the log lacks an event of the service, if another writer
                changed an entity meanwhile, if a newer release wrote what this one cannot read, or if the log or the
                port asks to slow down or fails in a way that may pass.
        """
        try:
            return self._run()
        except NewerReleaseError as error:
            raise RecoveryError(f"{error}; recover {self.recovery.service.name} with the newest release") from error
        except RetryableError as error:
            raise RecoveryError(f"{error}; repeat the recovery, which continues, at a lower rate") from error

    def _run(self) -> RecoverProgress:
        if reasons := self.blockers():
            raise RecoveryError(f"{self.recovery.service.name} cannot be recovered yet: {'; '.join(reasons)}")
        progress = (self.checkpoint and self.checkpoint.load()) or self._save(RecoverProgress())
        if progress.phase == "recall":
            progress = self._recall(progress)
        if progress.phase == "count":
            self._count()
            progress = self._save(RecoverProgress("replay", "", progress.read, progress.recalled))
        if self.replay and not self.dry_run:
            sent = self.replay(first_input(self.snapshot))
            progress = RecoverProgress("replay", "", progress.read, progress.recalled, sent)
        if self.checkpoint and not self.dry_run:
            self.checkpoint.remove()
        return progress

    # Entities

    def _recall(self, progress: RecoverProgress) -> RecoverProgress:
        """Recall each entity once, at the first of its events that is read."""
        seen: set[str] = set()
        read, recalled = progress.read, progress.recalled
        for number, logged in enumerate(self._concerned(progress.position), start=1):
            key = logged.event.subject
            if key not in seen:
                seen.add(key)
                self._limit.wait(1)
                read += 1
                recalled += self._recall_entity(key)
            progress = RecoverProgress("recall", logged.position, read, recalled)
            self.watch(progress)
            if number % self.saved_every == 0:
                self._save(progress)
        return self._save(RecoverProgress("count", "", read, recalled))

    def _concerned(self, after: str) -> Iterator[LoggedEvent]:
        """Iterate over the events that can concern the service, recorded since long before the snapshot."""
        for record in self.log.read(max(first_input(self.snapshot), after), self.end):
            if isinstance(record, LoggedEvent) and self.recovery.handles(record.event) and record.position > after:
                yield record

    def _recall_entity(self, key: str) -> bool:
        """Recall an entity. Return whether it lacked something."""
        logged = [record for record in self.log.read_entity(key) if isinstance(record, LoggedEvent)]
        stored = self.table.read(key)
        recovered, effects = self.recovery.recover(stored, key, logged, self.port)
        present = recovered or stored
        derived = self.recovery.derived(present, self.table.read) if present else None
        if not self.dry_run:
            # Once the entity is written, it is not known any more what was performed for it.
            for effect in effects:
                effect.perform(self.port)
            for lacking in (recovered, derived):
                if lacking:
                    self.table.write(lacking)
        return bool(recovered or derived)

    # Counters

    def _count(self) -> None:
        """Set the counters to what the entities add up to. Nothing is added to what was restored."""
        if self.recovery.counts is None or self.dry_run:
            return
        sums: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for stored in self.table.entities():
            kind = self.recovery.of(stored.key)
            if kind.counts:
                for increment in kind.counts(kind.service.codec.decode(stored)):
                    _add(sums[increment.item], increment)
        for item in {*self.table.counters(), *sums}:
            names = self.recovery.counted | sums[item].keys()
            self.table.set_numbers(*item, {name: sums[item].get(name, 0) for name in names})

    def _save(self, progress: RecoverProgress) -> RecoverProgress:
        if self.checkpoint and not self.dry_run:
            self.checkpoint.save(progress)
        return progress


def _add(numbers: dict[str, int], increment: Increment) -> None:
    for name, by in increment.add.items():
        numbers[name] = numbers.get(name, increment.start.get(name, 0)) + by
