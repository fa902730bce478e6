"""Recovery: brings failed and past events back. Its ports are adapted by `tidings.aws.recovery`.

- `DeadLetters` lists, redrives and drops the messages of a dead-letter queue.
- `Replay` sends recorded events to one consumer again, and `Rebuild` builds a projection again from them.
- `Recover` brings a restored table to the present.
- `Republisher` publishes the events in outboxes again.
- `Audit` compares outboxes with the event log, and `append_to_outbox` adds what an outbox has lost.
- `Reindexer` puts entities into the indexes that their service declares.
- `QueueDrain` waits until the messages of a queue are handled.

Their events keep their ids, so a consumer ignores what it has handled.
"""

from tidings.recovery.audit import (
    SETTLE_SECONDS,
    Audit,
    AuditCheckpoint,
    AuditProgress,
    AuditRepair,
    AuditScope,
    Difference,
    DifferenceKind,
)
from tidings.recovery.checkpoint import Checkpoint, ProgressFile, ReplayProgress, exclusive
from tidings.recovery.dead_letters import DeadLetterDetails, FailureKind, Remedy, describe, remedy_of
from tidings.recovery.drain import Delays, QueueDrain
from tidings.recovery.errors import RecoveryError
from tidings.recovery.outbox import OutboxError, append_to_outbox, complete_outbox
from tidings.recovery.polling import wait_until
from tidings.recovery.ports import (
    ConsumerSwitch,
    DeadLetterMessage,
    DeadLetterQueue,
    Destination,
    EntityOutbox,
    EventLog,
    LoggedEvent,
    OutboxPage,
    OutboxTable,
    OutgoingMessage,
    ProjectionTable,
    QueueDepth,
    QueueGauge,
    SearchableLog,
    SegmentedOutboxTable,
    SendFailure,
    ServiceTable,
    UnreadableEvent,
)
from tidings.recovery.rate import RateLimit
from tidings.recovery.rebuild import Rebuild
from tidings.recovery.recalls import Recall, Recalled, Recovery, recall
from tidings.recovery.recover import (
    Recover,
    RecoverCheckpoint,
    RecoverPhase,
    RecoverProgress,
    RecoverProgressStore,
    first_input,
)
from tidings.recovery.redrive import DeadLetterFilter, DeadLetters, Patience, RedriveResult, Unseen
from tidings.recovery.reindex import IndexedTable, ReindexCheckpoint, Reindexer
from tidings.recovery.replay import Replay, ReplaySelection, ReplayState
from tidings.recovery.republish import Republisher
from tidings.recovery.resequencer import Gap
from tidings.recovery.sender import Sender

__all__ = [
    "SETTLE_SECONDS",
    "Audit",
    "AuditCheckpoint",
    "AuditProgress",
    "AuditRepair",
    "AuditScope",
    "Checkpoint",
    "ConsumerSwitch",
    "DeadLetterDetails",
    "DeadLetterFilter",
    "DeadLetterMessage",
    "DeadLetterQueue",
    "DeadLetters",
    "Delays",
    "Destination",
    "Difference",
    "DifferenceKind",
    "EntityOutbox",
    "EventLog",
    "FailureKind",
    "Gap",
    "IndexedTable",
    "LoggedEvent",
    "OutboxError",
    "OutboxPage",
    "OutboxTable",
    "OutgoingMessage",
    "Patience",
    "ProgressFile",
    "ProjectionTable",
    "QueueDepth",
    "QueueDrain",
    "QueueGauge",
    "RateLimit",
    "Rebuild",
    "Recall",
    "Recalled",
    "Recover",
    "RecoverCheckpoint",
    "RecoverPhase",
    "RecoverProgress",
    "RecoverProgressStore",
    "Recovery",
    "RecoveryError",
    "RedriveResult",
    "ReindexCheckpoint",
    "Reindexer",
    "Remedy",
    "Replay",
    "ReplayProgress",
    "ReplaySelection",
    "ReplayState",
    "Republisher",
    "SearchableLog",
    "SegmentedOutboxTable",
    "SendFailure",
    "Sender",
    "ServiceTable",
    "UnreadableEvent",
    "Unseen",
    "append_to_outbox",
    "complete_outbox",
    "describe",
    "exclusive",
    "first_input",
    "recall",
    "remedy_of",
    "wait_until",
]
