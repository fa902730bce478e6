"""The dead-letter queues of a stage."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct, field

from ops.errors import CommandError
from ops.outputs import Outputs, ServiceOutputs
from ops.stage import LOCAL, WORKERS, DeployedStage
from tidings.aws.recovery import SqsDeadLetterQueue, queue_sender
from tidings.aws.recovery.dead_letter_queue import HIDDEN_SECONDS, MAX_BATCH, READ_HIDDEN_SECONDS
from tidings.recovery import DeadLetterDetails, DeadLetterFilter, DeadLetters, FailureKind, RedriveResult

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_EXAMINED = 1_000
"""Maximum number of messages of a queue that the list examines."""

LONG_POLL_SECONDS = 2
"""Long enough for SQS to ask all servers of a queue. The local cloud has one."""

MISSING: Mapping[FailureKind, str] = {
    "dlq": "consumes no events",
    "undelivered": "subscribes to no events",
    "relay": "announces no events",
}
"""The reason why a service has no queue of a kind."""


class QueueStatus(Struct, frozen=True):
    """The status of one dead-letter queue.

    Attributes:
        service: The service.
        queue: The kind of the queue.
        waiting: Number of messages that can be received.
        hidden: Number of messages in flight.
        examined: Number of messages that `oldest` and `reasons` cover.
        oldest: The earliest time at which one was first sent (RFC 3339).
        reasons: Number of messages by reason.
        since: For a relay's queue, a time that no event of a batch in it precedes (RFC 3339).
        refused: For a relay's queue, the part of `reasons` for which it refused single events.
    """

    service: str
    queue: FailureKind
    waiting: int
    hidden: int
    examined: int
    oldest: str | None
    reasons: dict[str, int]
    since: str | None = None
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeadLetterSelection:
    """The dead letters that a command concerns: of a service's queue of one kind, of an order, with a reason."""

    service: str
    kind: FailureKind = "dlq"
    order: str | None = None
    reason: str | None = None

    @property
    def options(self) -> str:
        """The options of the commands `dlq …` that select the same dead letters, each after a space."""
        kind = "" if self.kind == "dlq" else f" --{self.kind}"
        given = {"order": self.order, "reason": self.reason}
        return kind + "".join(f" --{name} {shlex.quote(text)}" for name, text in given.items() if text is not None)

    def selects(self, details: DeadLetterDetails) -> bool:
        """Return whether a dead letter is selected."""
        return DeadLetterFilter(subject=self.order, reason=self.reason).selects(details)


@dataclass(frozen=True)
class DeadLetterQueues:
    """The dead-letter queues of a deployed stage."""

    stage: DeployedStage
    outputs: Outputs

    def statuses(self) -> list[QueueStatus]:
        """Return the status of each queue."""
        client = self.stage.client("sqs")
        with ThreadPoolExecutor(WORKERS) as threads:
            return list(threads.map(lambda found: self._status(client, *found), self._queues()))

    def dead_letters(self, selection: DeadLetterSelection, rate: float | None = None) -> DeadLetters:
        """Return the dead letters of a service's queue.

        Args:
            selection: The service and the kind of its queue.
            rate: The number of messages a second; at a low rate they stay hidden for longer.

        Raises:
            CommandError: If there is no such queue.
        """
        service = self.outputs.service(selection.service)
        if not (url := queue_url(service, selection.kind)):
            raise CommandError(f"{selection.service} {MISSING[selection.kind]}")
        hidden = HIDDEN_SECONDS + ceil(2 * MAX_BATCH / rate) if rate else HIDDEN_SECONDS
        return DeadLetters(self._queue(self.stage.client("sqs"), url, hidden), selection.kind)

    def redrive(self, selection: DeadLetterSelection, rate: float | None = None) -> RedriveResult:
        """Send the selected dead letters back to their consumer's queue."""
        dead_letters = self.dead_letters(selection, rate)
        target = self.outputs.queue(selection.service)
        with ThreadPoolExecutor(WORKERS) as threads:
            sender = queue_sender(self.stage.client("sqs"), target, threads, rate=rate)
            return dead_letters.redrive(sender.send, selection.selects)

    def _queues(self) -> Iterator[tuple[str, FailureKind, str]]:
        for name, service in self.outputs.services.items():
            for kind in MISSING:
                if url := queue_url(service, kind):
                    yield name, kind, url

    def _status(self, client: "SQSClient", name: str, kind: FailureKind, url: str) -> QueueStatus:
        queue = self._queue(client, url, READ_HIDDEN_SECONDS)
        depth = queue.depth()
        found = [details for _, details in DeadLetters(queue, kind).find(limit=MAX_EXAMINED).letters]
        return QueueStatus(
            service=name,
            queue=kind,
            # SQS's numbers lag behind by up to a minute; the messages found exist.
            waiting=max(depth.waiting, len(found)),
            hidden=depth.in_flight,
            examined=len(found),
            oldest=min((details.first_seen for details in found), default=None),
            reasons=dict(Counter(details.reason for details in found).most_common()),
            since=min((details.since for details in found if details.since), default=None),
            refused=dict(Counter(details.reason for details in found if kind == "relay" and not details.batch)),
        )

    def _queue(self, client: "SQSClient", url: str, hidden: int) -> SqsDeadLetterQueue:
        return SqsDeadLetterQueue(client, url, hidden, wait=0 if self.stage.name == LOCAL else LONG_POLL_SECONDS)


def queue_url(service: ServiceOutputs, kind: FailureKind) -> str | None:
    """Return the URL of a service's dead-letter queue of a kind, or None if it has none."""
    return {"dlq": service.dlq, "undelivered": service.undelivered, "relay": service.relay_dlq}[kind]
