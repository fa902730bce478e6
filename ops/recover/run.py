"""One run of the command `tidings recover` on a deployed stage."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from functions.history.client import HistoryClient
from ops.console import print_note, print_result, step
from ops.counts import counted
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.recover.closing import Closing
from ops.recover.effects import port_of
from ops.refusals import name_refused
from ops.replay.options import HISTORY, subscribed_types
from ops.replay.run import LOCAL_DELAYS
from ops.stage import LOCAL, WORKERS, DeployedStage
from tidings.aws.recovery import AWS_DELAYS, DynamoServiceTable, QueueDestination, SqsQueueGauge
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import (
    QueueDrain,
    Recover,
    RecoverCheckpoint,
    RecoverProgress,
    Recovery,
    Replay,
    ReplaySelection,
    Sender,
    exclusive,
)

INTERRUPTED = "Interrupted. The service stays closed. The same command continues here."


@dataclass(frozen=True, kw_only=True)
class RecoverOptions:
    """The options of `tidings recover`.

    Attributes:
        service: The service's name.
        snapshot: The time (RFC 3339) to which its table was restored.
        rate: Maximum number of entities, and then of messages, a second.
        dry_run: Whether to write and send nothing.
        restart: Whether to begin at the beginning after a run that broke off.
    """

    service: str
    snapshot: str
    rate: float | None = None
    dry_run: bool = False
    restart: bool = False


def run_recover(
    stage: DeployedStage, outputs: Outputs, directory: Path, options: RecoverOptions, recovery: Recovery[Any]
) -> None:
    """Recover a service's table, and print the outcome.

    Args:
        stage: The stage.
        outputs: Its resources.
        directory: The folder for checkpoints.
        options: The options.
        recovery: The service's declaration.
    """
    if options.snapshot > to_rfc3339(now()):
        raise CommandError(f"--snapshot {options.snapshot} lies in the future")
    run = RecoverRun(stage, outputs, options, recovery, directory)
    try:
        with exclusive(directory, options.service):
            run.report(run.recover())
    except KeyboardInterrupt:
        print_note(INTERRUPTED)
        raise


@dataclass(frozen=True)
class RecoverRun:
    """One run.

    Attributes:
        stage: The stage.
        outputs: Its resources.
        options: The options.
        recovery: The service's declaration.
        directory: The folder for checkpoints.
    """

    stage: DeployedStage
    outputs: Outputs
    options: RecoverOptions
    recovery: Recovery[Any]
    directory: Path

    def recover(self) -> RecoverProgress:
        """Bring the table to the present."""
        name, options = self.options.service, self.options
        closing = Closing(self.stage, self.outputs, name)
        # Writers are asked for first, because the log may never catch up with a service that is open.
        if reasons := list(closing.writers()):
            raise CommandError(f"{name} cannot be recovered yet: {'; '.join(reasons)}")
        with step("Waiting until history has recorded all events"):
            end = self._drain(HISTORY).wait_until_recorded()
        with self._shown() as watch:
            return Recover(
                recovery=self.recovery,
                log=self._history,
                table=DynamoServiceTable(self.stage.client("dynamodb"), self.outputs.table(name)),
                blockers=closing.blockers,
                snapshot=options.snapshot,
                end=end,
                port=port_of(self.stage, self.outputs, name),
                replay=(lambda start: self._replay(start, end)) if self.recovery.service.consumes else None,
                checkpoint=None if options.dry_run else self._checkpoint,
                watch=watch,
                rate=options.rate,
                dry_run=options.dry_run,
            ).run()

    def report(self, progress: RecoverProgress) -> None:
        """Print what was done, and what is next."""
        name, found = self.options.service, counted(progress.recalled, "entity", "entities")
        if self.options.dry_run:
            print_result(f"{name}: {found} of {progress.read:,} lack something; nothing was written.")
            return
        sent = counted(progress.replayed, "message")
        print_result(f"{name}: {found} of {progress.read:,} brought to the present, and {sent} sent to its consumer.")
        print_result(f"{self.stage.command(f'open {name}')} opens the service.")

    def _replay(self, start: str, end: str) -> int:
        """Send the service's consumer what it subscribes to, recorded between two times. Return the number."""
        service = self.recovery.service
        sender = Sender(
            destination=QueueDestination(
                self.stage.client("sqs"), self.outputs.queue(self.options.service), service.queue
            ),
            run=uuid.uuid4().hex[:12],
            threads=self._threads,
            rate=self.options.rate,
        )
        outcome = Replay(self._history, ReplaySelection(start, end, subscribed_types(service)), sender).run()
        if failed := outcome.failed:
            raise CommandError(
                f"{counted(len(failed), 'recorded event')} cannot be sent: {name_refused(failed.items())}"
            )
        return sum(outcome.sent.values())

    @contextmanager
    def _shown(self) -> Iterator[Any]:
        verb = "Counting" if self.options.dry_run else "Recovering"
        with step(f"{verb} {self.options.service}") as shown:

            def watch(progress: RecoverProgress) -> None:
                shown.update(
                    f"{progress.recalled:,} of {progress.read:,} lacked something, to {progress.position[:24]}"
                )

            yield watch

    @cached_property
    def _checkpoint(self) -> RecoverCheckpoint:
        """The checkpoint of this command: a table that was restored again has another one."""
        client = self.stage.client("dynamodb")
        table = client.describe_table(TableName=self.outputs.table(self.options.service))["Table"]
        tables = (self._history.table_id, table.get("TableId", ""))
        checkpoint = RecoverCheckpoint.of(
            self.directory / self.stage.name, self.options.service, *tables, self.options.snapshot
        )
        if self.options.restart:
            checkpoint.remove()
        if before := checkpoint.load():
            print_note(
                f"Continuing after {before.read:,} entities, where the last run broke off; "
                "--restart begins at the beginning."
            )
        return checkpoint

    @cached_property
    def _history(self) -> HistoryClient:
        return HistoryClient.connect(self.stage.client("dynamodb"), self.outputs.table(HISTORY), self._threads)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(WORKERS)

    def _drain(self, name: str) -> QueueDrain:
        delays = LOCAL_DELAYS if self.stage.name == LOCAL else AWS_DELAYS
        return QueueDrain(SqsQueueGauge(self.stage.client("sqs"), self.outputs.queue(name)), delays)
