"""One run of the command `tidings replay` on a deployed stage."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from functions.history.client import HistoryClient
from ops.console import print_note, progress
from ops.counts import counted
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.replay.options import HISTORY, ReplayOptions, subscribed_types
from ops.replay.report import progress_bar, report
from ops.replay.subscription import effective_since
from ops.stage import LOCAL, WORKERS, DeployedStage
from ops.times import parse_since
from tidings.aws.recovery import (
    AWS_DELAYS,
    DynamoProjectionTable,
    EventSourceMapping,
    QueueDestination,
    SqsQueueGauge,
)
from tidings.core.clock import from_rfc3339, now, to_rfc3339
from tidings.core.service import Service
from tidings.recovery import (
    Checkpoint,
    Delays,
    QueueDrain,
    Rebuild,
    Replay,
    ReplayProgress,
    ReplaySelection,
    Sender,
    exclusive,
    wait_until,
)

LOCAL_DELAYS = Delays(depth=0, index=0, filter_policy=0, retry=16)
"""The delays of the local cloud."""

INTERRUPTED = "Interrupted. The same command continues here."
REBUILD_INTERRUPTED = (
    "Interrupted. The consumer may be stopped, and its projection is incomplete; live events wait in its queue. "
    "The same command continues here."
)


def run_replay(
    stage: DeployedStage, outputs: Outputs, directory: Path, options: ReplayOptions, service: Service[Any]
) -> None:
    """Replay or rebuild, and print the outcome.

    Args:
        stage: The stage.
        outputs: Its resources.
        directory: The folder for checkpoints.
        options: The options.
        service: The consumer's service.
    """
    run = ReplayRun(stage, outputs, options, service, directory)
    if options.dry_run:
        report(options, run.send())
        return
    try:
        with exclusive(run.directory, options.consumer):
            report(options, run.rebuild() if options.rebuild else run.send())
    except KeyboardInterrupt:
        print_note(REBUILD_INTERRUPTED if options.rebuild else INTERRUPTED)
        raise


@dataclass(frozen=True)
class ReplayRun:
    """One run.

    Attributes:
        stage: The stage.
        outputs: Its resources.
        options: The options.
        service: The consumer's service.
        directory: The folder for checkpoints.
    """

    stage: DeployedStage
    outputs: Outputs
    options: ReplayOptions
    service: Service[Any]
    directory: Path

    def send(self) -> ReplayProgress:
        """Send the selected events to the consumer."""
        options = self.options
        if options.order and not self._history.read_entity(options.order):
            raise CommandError(f"the event log holds no event of order {options.order}")
        start = self._start()
        end = self._end()
        if start > end:
            raise CommandError(f"there are no events from {start} to {end}")
        selection = ReplaySelection(start, end, self._types, options.order)
        with progress_bar(options, selection) as watch:
            return replace(self._replay(selection), watch=watch).run()

    def rebuild(self) -> ReplayProgress:
        """Rebuild the consumer's projection."""
        name = self.options.consumer
        table = self.stage.session.resource("dynamodb", endpoint_url=self.stage.endpoint).Table(
            self.outputs.table(name)
        )

        def fill(end: str) -> ReplayProgress:
            selection = ReplaySelection(self._history.beginning() or to_rfc3339(0), end, self._types)
            with progress_bar(self.options, selection) as watch:
                return replace(self._replay(selection), watch=watch).run(then="handle")

        return Rebuild(
            queue=self._drain(name),
            log_queue=self._drain(HISTORY),
            table=DynamoProjectionTable(table),
            consumer=EventSourceMapping(self.stage.client("lambda"), self.outputs.service(name).function or ""),
            checkpoint=self._checkpoint,
            replay=fill,
            report=lambda text: print_note(f"{name}: {text}"),
        ).run()

    def _replay(self, selection: ReplaySelection) -> Replay:
        if self.options.dry_run:
            return Replay(self._history, selection)
        return Replay(self._history, selection, self._sender, self._checkpoint if self._continues else None)

    @property
    def _continues(self) -> bool:
        """True if the run continues one that broke off."""
        return not (self.options.dry_run or self.options.order)

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        """The checkpoint of this command: other options, or a table that was created again, have another one."""
        options = self.options
        table = self.stage.client("dynamodb").describe_table(TableName=self.outputs.table(options.consumer))["Table"]
        tables = (self._history.table_id, table.get("TableId", ""))
        selected = (options.start, options.end, sorted(options.types), options.rebuild)
        checkpoint = Checkpoint.of(self.directory, options.consumer, self.stage.name, *tables, *selected)
        if options.restart:
            checkpoint.remove()
        if before := checkpoint.load():
            print_note(
                f"Continuing after {counted(sum(before.sent.values()), 'message')}, where the last run broke off; "
                "--restart begins at the beginning."
            )
        return checkpoint

    def _start(self) -> str:
        """Return the time from which on to replay: the user's, or that of the first event."""
        if not self.options.start:
            return self._history.beginning() or to_rfc3339(0)
        start = parse_since(self.options.start)
        begun = self._checkpoint.load() if self._continues else None
        # The run that broke off counted a duration back from an earlier time. A position begins with its time.
        return min(start, begun.position[: len(start)]) if begun and begun.position else start

    def _end(self) -> str:
        """Return the time before which to replay: the user's, or now, once all events are recorded."""
        options = self.options
        if options.end:
            end = parse_since(options.end)
            if end > to_rfc3339(now()):
                raise CommandError(f"--to {options.end} lies in the future; omit it to replay all events")
            return end
        if options.dry_run or options.order:
            return to_rfc3339(now() + 1)
        if options.wait:
            self._wait_for_subscription()
        if self._delays.depth:
            progress.print("Waiting until history has recorded all events; --to avoids this.")
        end = self._drain(HISTORY).wait_until_recorded()
        if (effective := self._subscribed_since()) > from_rfc3339(end):
            again = to_rfc3339(from_rfc3339(end) - 60_000)
            print_note(
                f"The subscription of {options.consumer} is new or changed, which takes effect within fifteen minutes: "
                f"until then, some events may not reach it. After {to_rfc3339(effective)} run "
                f"{self.stage.command(f'replay {options.consumer} --from {again}')}; or use --wait."
            )
        return end

    def _wait_for_subscription(self) -> None:
        effective = self._subscribed_since()
        if effective > now():
            progress.print(f"Waiting until the subscription is effective, at {to_rfc3339(effective)}.")
            wait_until(lambda: now() >= effective, self._delays.filter_policy * 2, "the subscription")

    def _subscribed_since(self) -> int:
        """Return when the consumer's subscription is surely effective; 0 if that takes no time on this stage."""
        delay = self._delays.filter_policy
        stack = f"{self.stage.prefix}{self.options.consumer}"
        return effective_since(self.stage.client("cloudformation"), stack, delay) if delay else 0

    @property
    def _types(self) -> frozenset[str] | None:
        return frozenset(self.options.types) or subscribed_types(self.service)

    @cached_property
    def _history(self) -> HistoryClient:
        return HistoryClient.connect(self.stage.client("dynamodb"), self.outputs.table(HISTORY), self._threads)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(WORKERS)

    @cached_property
    def _sender(self) -> Sender:
        queue = self.outputs.queue(self.options.consumer)
        return Sender(
            destination=QueueDestination(self.stage.client("sqs"), queue, self.service.queue),
            run=uuid.uuid4().hex[:12],
            threads=self._threads,
            rate=self.options.rate,
        )

    def _drain(self, name: str) -> QueueDrain:
        return QueueDrain(SqsQueueGauge(self.stage.client("sqs"), self.outputs.queue(name)), self._delays)

    @property
    def _delays(self) -> Delays:
        return LOCAL_DELAYS if self.stage.name == LOCAL else AWS_DELAYS
