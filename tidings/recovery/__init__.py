"""Recovery: brings failed and past events back. Its ports are adapted by `tidings.aws.recovery`.

- `DeadLetters` lists, redrives and drops the messages of a dead-letter queue.
- `Replay` sends recorded events to one consumer again, and `Rebuild` builds a projection again from them.
- `Republisher` publishes the events in outboxes again.
- `Reindexer` puts entities into the indexes that their service declares.
- `QueueDrain` waits until the messages of a queue are handled.

Their events keep their ids, so a consumer ignores what it has handled.
"""

from tidings.recovery.checkpoint import Checkpoint, ReplayProgress, exclusive
from tidings.recovery.dead_letters import DeadLetterDetails, FailureKind, Remedy, describe, remedy_of
from tidings.recovery.drain import Delays, QueueDrain
from tidings.recovery.errors import RecoveryError
from tidings.recovery.polling import wait_until
from tidings.recovery.ports import (
    ConsumerSwitch,
    DeadLetterMessage,
    DeadLetterQueue,
    Destination,
    EventLog,
    LoggedEvent,
    OutboxTable,
    OutgoingMessage,
    ProjectionTable,
    QueueDepth,
    QueueGauge,
    SendFailure,
    UnreadableEvent,
)
from tidings.recovery.rebuild import Rebuild
from tidings.recovery.redrive import DeadLetterFilter, DeadLetters, Patience, RedriveResult, Unseen
from tidings.recovery.reindex import IndexedTable, ReindexCheckpoint, Reindexer
from tidings.recovery.replay import Replay, ReplaySelection, ReplayState
from tidings.recovery.republish import Republisher
from tidings.recovery.resequencer import Gap
from tidings.recovery.sender import Sender

__all__ = [
    "Checkpoint",
    "ConsumerSwitch",
    "DeadLetterDetails",
    "DeadLetterFilter",
    "DeadLetterMessage",
    "DeadLetterQueue",
    "DeadLetters",
    "Delays",
    "Destination",
    "EventLog",
    "FailureKind",
    "Gap",
    "IndexedTable",
    "LoggedEvent",
    "OutboxTable",
    "OutgoingMessage",
    "Patience",
    "ProjectionTable",
    "QueueDepth",
    "QueueDrain",
    "QueueGauge",
    "Rebuild",
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
    "SendFailure",
    "Sender",
    "UnreadableEvent",
    "Unseen",
    "describe",
    "exclusive",
    "remedy_of",
    "wait_until",
]
