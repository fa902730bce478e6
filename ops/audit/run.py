"""One run of the command `tidings audit` on a deployed stage."""

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from functions.history.client import HistoryClient
from ops.audit.report import describe_progress, remedies, report
from ops.console import print_note, step
from ops.counts import counted
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.relay.republish import announcing
from ops.replay.options import HISTORY
from ops.stage import WORKERS, DeployedStage
from ops.times import parse_since
from tidings.aws.dynamodb import DynamoTable
from tidings.aws.recovery import DynamoOutboxTable, SqsQueueGauge, TopicDestination, reporting
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import (
    Audit,
    AuditCheckpoint,
    AuditProgress,
    AuditRepair,
    AuditScope,
    RateLimit,
    Republisher,
    Sender,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    Tables = Mapping[str, TableDescriptionTypeDef]
    """The tables of the audited services, by service."""


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """The options of `tidings audit`, with times as the user wrote them.

    Attributes:
        service: The only service whose events are compared; None for all that announce.
        since: The time from which on they were announced and recorded; None for all.
        min_age: Number of seconds for which an event may be on its way.
        rate: Maximum number of items read a second.
        repair: Whether to fill the gaps.
        append: Whether to add events at the end of outboxes too.
        restart: Whether to begin at the beginning after a run that broke off.
        as_json: Whether to print the outcome as JSON.
    """

    service: str | None = None
    since: str | None = None
    min_age: int
    rate: float | None = None
    repair: bool = False
    append: bool = False
    restart: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Raise `CommandError` if the options are invalid on every stage."""
        if self.since is not None:
            parse_since(self.since)
        if self.append and not self.repair:
            raise CommandError("--append is an option of --repair")


def run_audit(stage: DeployedStage, outputs: Outputs, directory: Path, options: AuditOptions) -> None:
    """Compare, repair on demand, and print the outcome.

    Args:
        stage: The stage.
        outputs: Its resources.
        directory: The folder for checkpoints.
        options: The options.

    Raises:
        CommandError: If something differs that was not repaired.
    """
    client = stage.client("dynamodb")
    with reporting("the tables cannot be read"):
        tables = {
            name: client.describe_table(TableName=table)["Table"]
            for name, table in announcing(outputs, options.service).items()
        }
    with ThreadPoolExecutor(WORKERS) as threads:
        history = HistoryClient.connect(client, outputs.table(HISTORY), threads)
        checkpoint = _checkpoint(stage, directory, options, history, tables)
        audit = Audit(
            outboxes={name: DynamoOutboxTable(client, table["TableName"], threads) for name, table in tables.items()},
            log=history,
            scope=_scope(options),
            threads=threads,
            repair=_repair(stage, outputs, options, tables, threads) if options.repair else None,
            limit=RateLimit(options.rate),
            checkpoint=checkpoint,
        )
        try:
            _announce_continuation(checkpoint, options)
            with step("Comparing the outboxes with the event log") as shown:
                audit.watch = lambda part, progress: shown.update(describe_progress(part, progress))
                outcome = audit.run()
        except KeyboardInterrupt:
            print_note("Interrupted. The same command continues here.")
            raise
    _note_unrecorded(stage, outputs, outcome)
    for text in remedies(outcome, stage.command, repairing=options.repair):
        print_note(text)
    report(outcome, as_json=options.as_json)


def _scope(options: AuditOptions) -> AuditScope:
    return AuditScope(
        since=parse_since(options.since) if options.since else "",
        until=to_rfc3339(now() - options.min_age * 1000),
    )


def _repair(
    stage: DeployedStage, outputs: Outputs, options: AuditOptions, tables: "Tables", threads: Executor
) -> AuditRepair:
    client = stage.client("dynamodb")
    topic = TopicDestination(stage.client("sns"), outputs.topic)
    return AuditRepair(
        republisher=Republisher(Sender(topic, "audit", threads)),
        tables={name: DynamoTable(client, table["TableName"], _sort_key(table)) for name, table in tables.items()},
        appends=options.append,
    )


def _sort_key(table: "TableDescriptionTypeDef") -> str | None:
    return next((part["AttributeName"] for part in table["KeySchema"] if part["KeyType"] == "RANGE"), None)


def _checkpoint(
    stage: DeployedStage, directory: Path, options: AuditOptions, history: HistoryClient, tables: "Tables"
) -> AuditCheckpoint:
    """Return the checkpoint of this command: other options, or a table that was created again, have another one."""
    ids = [(name, table.get("TableId", "")) for name, table in tables.items()]
    selected = (options.since, options.min_age, options.repair, options.append)
    return AuditCheckpoint.of(directory, options.service or "all", stage.name, history.table_id, *ids, *selected)


def _announce_continuation(checkpoint: AuditCheckpoint, options: AuditOptions) -> None:
    if options.restart:
        checkpoint.remove()
    if before := checkpoint.load():
        print_note(
            f"Continuing after {counted(before.items + before.recorded, 'item')}, where the last run broke off; "
            "--restart begins at the beginning."
        )


def _note_unrecorded(stage: DeployedStage, outputs: Outputs, outcome: AuditProgress) -> None:
    """Name the queues with messages that history has not recorded, whose events the log lacks for now."""
    if not outcome.found.get("not-in-log"):
        return
    history, client = outputs.service(HISTORY), stage.client("sqs")
    for url in (history.queue, history.dlq, history.undelivered):
        if url and (total := (gauge := SqsQueueGauge(client, url)).depth().total):
            print_note(f"{gauge.name} holds {counted(total, 'message')}; their events count as not recorded.")
