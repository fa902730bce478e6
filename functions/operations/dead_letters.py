"""The dead letters of the stage's queues, as routes show, redrive and drop them: as many as fit into a request."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from itertools import islice
from math import ceil
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.json import encode
from msgspec.structs import asdict

from functions.operations.deployment import KINDS, DeployedService, Deployment
from functions.operations.queues import Queues
from functions.operations.state import record_of
from tidings.recovery import (
    DeadLetterDetails,
    DeadLetterFilter,
    DeadLetterMessage,
    DeadLetters,
    FailureKind,
    Patience,
    Unseen,
    describe,
    remedy_of,
)

MAX_MESSAGES = 500
"""Number of messages that a request redrives or drops, and after which it takes no further ones."""

MAX_LISTED = 100
"""Maximum number of dead letters of one queue that the list shows."""

MAX_SHOWN = 500
"""Maximum number of dead letters that the list shows. Each has 6 KB at most, and a function's answer 6 MB."""

MAX_RECORDED_BYTES = 128_000
"""The size of an action's messages, as recorded, after which a request takes no further ones. An item of a table has at
most 400 KB, of which the refused messages and the entry in the list need a part."""

PATIENCE = 0.5
"""The part of a request's time for receiving in which it waits for messages that another request holds."""

TIMEOUT = 3
"""The function's timeout as a multiple of a request's time for receiving messages; see `add_resources`."""

Seconds = Callable[[], float]
"""Returns a time in seconds, of which only differences mean something."""


class RemedyView(Struct, frozen=True):
    """The remedy for a dead letter: `redrive` it, or `drop` it; and before, what `first` says."""

    action: Literal["redrive", "drop"]
    first: str


class DeadLetterView(Struct, frozen=True):
    """A dead letter.

    `order` is the key of what it is about, which is an order if the message is an event. `sent_at` is when it was first
    sent, and `receives` the number of its deliveries. `detail` is the error's text. Texts are cut off: the reason after
    200 characters, the detail after 512. A dead letter of a relay has no remedy here: `tidings relay` publishes its
    events again. One without an event stands for a batch of the table's stream, none of whose events precedes `since`.
    """

    id: str
    service: str
    kind: FailureKind
    event: str | None
    order: str | None
    type: str | None
    reason: str
    detail: str
    sent_at: str
    receives: int | None
    remedy: RemedyView | None
    since: str | None


class DeadLetterBody(DeadLetterView, frozen=True):
    """A dead letter with the text of the message, which may contain personal data."""

    body: str


class DeadLetterList(Struct, frozen=True):
    """Dead letters, latest first.

    `truncated` says that there are more, or may be. `held` is about how many are missing because another request
    receives the messages of their queue at this moment: to read a queue hides its messages. They return within seconds.
    """

    items: tuple[DeadLetterView, ...]
    truncated: bool
    held: int


class SourceQueue(NamedTuple):
    """A dead-letter queue: its service, its kind and its name."""

    service: DeployedService
    kind: FailureKind
    name: str


class Selected(Struct, frozen=True):
    """The dead letters that a redrive or a drop would select.

    Attributes:
        found: The dead letters.
        truncated: Whether there may be more.
        missing: The ids that were named, and that were not found.
    """

    found: tuple[DeadLetterDetails, ...]
    truncated: bool
    missing: tuple[str, ...] = ()


class Changed(Selected, frozen=True):
    """The dead letters that a redrive or a drop selected.

    Attributes:
        found: The dead letters.
        refused: Those that the consumer's queue will never accept, with the reason: by the event's id, or by the
            message's if it holds no event.
        repeated: Number of dead letters that came back while they were redriven.
    """

    refused: Mapping[str, str] = {}
    repeated: int = 0

    @property
    def done(self) -> tuple[DeadLetterDetails, ...]:
        """The dead letters that were sent or deleted."""
        return tuple(each for each in self.found if (each.event or each.message) not in self.refused)

    @property
    def left(self) -> int:
        """The number of those that are still there, came back, or were named and may be held by another request."""
        return len(self.found) - len(self.done) + self.repeated + (len(self.missing) if self.truncated else 0)


Recorder = Callable[[Sequence[DeadLetterDetails]], None]
"""Records dead letters durably, before they are sent or deleted."""


class Budget:
    """The time of one request, and the number and the size of the messages that it takes.

    Attributes:
        spent: Whether the request had to end before the queue's end.
    """

    def __init__(self, seconds: Seconds, until: float, chosen: DeadLetterFilter) -> None:
        self._seconds = seconds
        self._until = until
        self._wanted = chosen.messages
        self._recorded_bytes = 0
        self.taken = 0
        self.spent = False

    @property
    def complete(self) -> bool:
        """True if messages were named, and all of them have been found."""
        return self._wanted is not None and self.taken >= len(self._wanted)

    def enough(self) -> bool:
        """Return whether to end. Nothing remains to be done if all messages that were named have been found."""
        if self.complete:
            return True
        is_full = self.taken >= MAX_MESSAGES or self._recorded_bytes >= MAX_RECORDED_BYTES
        self.spent = self.spent or is_full or self._seconds() >= self._until
        return self.spent

    def take(self, details: Sequence[DeadLetterDetails]) -> None:
        """Count dead letters that were recorded."""
        self.taken += len(details)
        self._recorded_bytes += sum(len(encode(record_of(each))) for each in details)

    def truncates(self, unseen: Unseen) -> bool:
        """Return whether the queue has, or may have, selected messages that were not received."""
        return self.spent or (unseen.total > 0 and not self.complete)

    def missing(self, found: Sequence[DeadLetterDetails]) -> tuple[str, ...]:
        """Return the ids that were named, and that were not found."""
        return tuple(sorted((self._wanted or frozenset()) - {each.message for each in found}))


class StageDeadLetters:
    """The dead letters of all services of a stage.

    Args:
        deployment: The services.
        queues: Their queues.
        threads: Reads queues in parallel.
        work_seconds: Number of seconds after which a request receives no further messages. The rest of its time is for
            the calls that were begun, and for making messages visible again.
        seconds: Returns the time.
        pause: Waits for a number of seconds.
    """

    def __init__(
        self,
        deployment: Deployment,
        queues: Queues,
        threads: Executor,
        work_seconds: float,
        seconds: Seconds = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._deployment = deployment
        self._queues = queues
        self._threads = threads
        self._work_seconds = work_seconds
        self._seconds = seconds
        self._pause = pause

    def sources(self, service: DeployedService | None, kind: FailureKind | None) -> list[SourceQueue]:
        """Return the dead-letter queues of a service or of all, of a kind or of all."""
        return [
            SourceQueue(each, one, name)
            for each in ([service] if service else self._deployment.services)
            for one in ([kind] if kind else KINDS)
            if (name := self._deployment.dead_letter_queue(each, one))
        ]

    def not_empty(self, sources: Sequence[SourceQueue]) -> list[SourceQueue]:
        """Return the queues that are not empty as far as SQS knows, which lags by up to a minute.

        To receive from a queue that is empty takes longer than to ask for its number of messages.
        """
        totals = self._threads.map(lambda source: self._queues.depth(source.name).total, sources)
        return [source for source, total in zip(sources, totals, strict=True) if total]

    def list(self, sources: Sequence[SourceQueue], chosen: DeadLetterFilter) -> DeadLetterList:
        """List the selected dead letters of some queues."""
        budget = self._budget(chosen)

        def find(source: SourceQueue) -> tuple[list[DeadLetterView], Unseen]:
            found = self._read(source).find(chosen.selects, MAX_LISTED + 1, budget.enough)
            return [_view(source, details) for _, details in found.letters], found.unseen

        per_queue = list(self._threads.map(find, sources))
        shown = [each for views, _ in per_queue for each in islice(views, MAX_LISTED)]
        shown.sort(key=lambda each: each.sent_at, reverse=True)
        truncated = any(len(views) > MAX_LISTED or budget.truncates(unseen) for views, unseen in per_queue)
        held = sum(unseen.held for _, unseen in per_queue)
        return DeadLetterList(tuple(shown[:MAX_SHOWN]), truncated or len(shown) > MAX_SHOWN, held)

    def show(self, sources: Sequence[SourceQueue], message: str) -> DeadLetterBody | None:
        """Return a dead letter with its body; None if it is in none of the queues, or in flight."""
        chosen = DeadLetterFilter(messages=frozenset([message]))
        budget = self._budget(chosen)

        def find(source: SourceQueue) -> list[DeadLetterBody]:
            found = self._read(source).find(chosen.selects, 1, budget.enough)
            return [_with_body(source, each, details) for each, details in found.letters]

        return next((each for found in self._threads.map(find, sources) for each in found), None)

    def select(self, source: SourceQueue, chosen: DeadLetterFilter) -> Selected:
        """Return the dead letters that a redrive or a drop would select now."""
        budget = self._budget(chosen)
        limit = MAX_MESSAGES + 1 if chosen.messages is None else len(chosen.messages)
        letters, unseen = self._read(source).find(chosen.selects, limit, budget.enough)
        found = tuple(details for _, details in islice(letters, MAX_MESSAGES))
        missing = budget.missing(found)
        is_complete = chosen.messages is not None and not missing
        return Selected(found, not is_complete and (len(letters) > MAX_MESSAGES or budget.truncates(unseen)), missing)

    def redrive(self, source: SourceQueue, target: str, chosen: DeadLetterFilter, record: Recorder) -> Changed:
        """Send the selected dead letters back to their consumer's queue.

        Raises:
            RecoveryError: If a call is refused. Messages that were sent may still be there.
        """
        budget, found = self._budget(chosen), list[DeadLetterDetails]()
        letters = self._take(source)
        send = self._queues.sender(target)
        recording = _recording(source.kind, budget, found, record)
        result = letters.redrive(send, chosen.selects, recording, budget.enough)
        truncated, missing = budget.truncates(result.unseen), budget.missing(found)
        return Changed(tuple(found), truncated, missing, result.refused, result.repeated.total())

    def drop(self, source: SourceQueue, chosen: DeadLetterFilter, record: Recorder) -> Changed:
        """Delete the selected dead letters.

        Raises:
            RecoveryError: If a call is refused. Messages that were recorded may still be there.
        """
        budget, found = self._budget(chosen), list[DeadLetterDetails]()
        recording = _recording(source.kind, budget, found, record)
        dropped = self._take(source).drop(recording, chosen.selects, budget.enough)
        return Changed(tuple(found), budget.truncates(dropped.unseen), budget.missing(found))

    def _read(self, source: SourceQueue) -> DeadLetters:
        """Return the dead letters of a queue, to be read only: if the function ends, they return the sooner."""
        return self._open(source, self._work_seconds)

    def _take(self, source: SourceQueue) -> DeadLetters:
        """Return the dead letters of a queue, to be sent or deleted: no other request takes them meanwhile."""
        return self._open(source, self._work_seconds * TIMEOUT)

    def _open(self, source: SourceQueue, hidden: float) -> DeadLetters:
        patience = Patience(self._work_seconds * PATIENCE, self._seconds, self._pause)
        return DeadLetters(self._queues.dead_letters(source.name, ceil(hidden)), source.kind, patience)

    def _budget(self, chosen: DeadLetterFilter) -> Budget:
        return Budget(self._seconds, self._seconds() + self._work_seconds, chosen)


def count_reasons(found: Sequence[DeadLetterDetails]) -> dict[str, int]:
    """Return the number of dead letters by reason."""
    return dict(Counter(each.reason for each in found))


def _recording(
    kind: FailureKind, budget: Budget, found: list[DeadLetterDetails], record: Recorder
) -> Callable[[Sequence[DeadLetterMessage]], None]:
    """Return what records each batch of messages, and counts it."""

    def recording(messages: Sequence[DeadLetterMessage]) -> None:
        if messages:
            details = [describe(message, kind) for message in messages]
            record(details)
            found.extend(details)
            budget.take(details)

    return recording


def _view(source: SourceQueue, details: DeadLetterDetails) -> DeadLetterView:
    remedy = None if source.kind == "relay" else remedy_of(details.reason)
    return DeadLetterView(
        id=details.message,
        service=source.service.name,
        kind=source.kind,
        event=details.event,
        order=details.subject,
        type=details.type,
        reason=details.reason,
        detail=details.detail,
        sent_at=details.first_seen,
        receives=details.receives,
        remedy=RemedyView(remedy.action, remedy.first) if remedy else None,
        since=details.since,
    )


def _with_body(source: SourceQueue, message: DeadLetterMessage, details: DeadLetterDetails) -> DeadLetterBody:
    return DeadLetterBody(**asdict(_view(source, details)), body=message.body)
