"""Redrive: sends the dead letters of a queue back, or drops them, and loses none on the way.

A dead letter is deleted only after it was sent or recorded. If the process ends between the two, the message is sent
again by the next run: a duplicate, which consumers ignore.

To read a queue is to receive its messages, which hides them from every other reader until they are released. A reader
that misses messages therefore reads again within a bound, and then reports that its answer is incomplete.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from tidings.recovery.dead_letters import DeadLetterDetails, FailureKind, describe, line, original_of
from tidings.recovery.ports import DeadLetterMessage, DeadLetterQueue, OutgoingMessage

Selects = Callable[[DeadLetterDetails], bool]
"""Returns whether a dead letter is selected."""

Send = Callable[[Sequence[OutgoingMessage]], Mapping[OutgoingMessage, str]]
"""Sends messages to a consumer's queue, those of a group in sequence. Returns those that the queue will never accept,
each with the reason; raises `RecoveryError` if another was not sent."""

Record = Callable[[Sequence[DeadLetterMessage]], None]
"""Records dead letters durably."""

Enough = Callable[[], bool]
"""Returns whether to stop before the queue was read to its end. It is asked before each request for messages."""

Take = Callable[[Sequence[DeadLetterMessage]], Sequence[DeadLetterMessage]]
"""Receives dead letters, each once, and returns those that are to be deleted."""

Wait = Callable[[], bool]
"""Waits for the messages that another reader holds. Returns False, without a wait, once it has waited long enough."""

PATIENCE_SECONDS = 2.0
"""Maximum time to wait for the messages that another reader holds. A list holds them for less."""

MAX_PAUSE_SECONDS = 0.3
"""Maximum time of one pause. Pauses vary, so that two readers do not keep hiding messages from each other."""


def every_dead_letter(_details: DeadLetterDetails) -> bool:
    """Select every dead letter."""
    return True


def without_record(_messages: Sequence[DeadLetterMessage]) -> None:
    """Record nothing."""


def read_to_the_end() -> bool:
    """Return False: read a queue to its end."""
    return False


class Patience(Struct, frozen=True):
    """The time that a reader waits for messages that another reader holds.

    Attributes:
        seconds: Maximum number of seconds, from the first pause on.
        clock: Returns a time in seconds.
        pause: Waits for a number of seconds.
    """

    seconds: float = PATIENCE_SECONDS
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def begin(self) -> Wait:
        """Return what waits during one reading."""
        deadline: float | None = None

        def wait() -> bool:
            nonlocal deadline
            if deadline is None:
                deadline = self.clock() + self.seconds
            if self.clock() >= deadline:
                return False
            self.pause(random.uniform(MAX_PAUSE_SECONDS / 3, MAX_PAUSE_SECONDS))  # noqa: S311 - not for secrecy
            return True

        return wait


class Unseen(NamedTuple):
    """The approximate number of messages that a reader did not receive, though they are in the queue.

    Attributes:
        total: All of them.
        held: Those among them that another reader held at the end, or that wait behind one of these in their group.
    """

    total: int = 0
    held: int = 0


class Found(NamedTuple):
    """The dead letters that a search found, and what it did not see."""

    letters: list[tuple[DeadLetterMessage, DeadLetterDetails]]
    unseen: Unseen


class Dropped(NamedTuple):
    """The number of dropped dead letters by reason, and what the drop did not see."""

    reasons: Counter[str]
    unseen: Unseen


class DeadLetterFilter(Struct, frozen=True, kw_only=True):
    """The conditions that a selected dead letter meets, each unless it is None.

    A text is compared as a description shows it: only its first 200 characters count.

    Attributes:
        messages: It has one of these ids.
        subject: It is about this entity.
        reason: It failed for this reason.
    """

    messages: frozenset[str] | None = None
    subject: str | None = None
    reason: str | None = None

    def selects(self, details: DeadLetterDetails) -> bool:
        """Return whether a dead letter is selected."""
        return (
            (self.messages is None or details.message in self.messages)
            and (self.subject is None or line(self.subject) == details.subject)
            and (self.reason is None or line(self.reason) == details.reason)
        )


@dataclass
class RedriveResult:
    """The outcome of a redrive.

    Attributes:
        sent: Number of messages sent, by reason.
        repeated: Number of messages left because an equal one had been sent before, by reason. They failed again at
            once, or were in the queue twice.
        refused: The messages left because the consumer's queue will never accept them: the event's id, or the
            message's if it holds no event, and the reason.
        unseen: The messages that were not received.
    """

    sent: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    unseen: Unseen = field(default_factory=Unseen)


@dataclass(frozen=True)
class DeadLetters:
    """The dead letters of one queue.

    Attributes:
        queue: The queue.
        kind: The kind of the queue.
        patience: The time to wait for messages that another reader holds.
    """

    queue: DeadLetterQueue
    kind: FailureKind
    patience: Patience = field(default_factory=Patience)

    def find(
        self, selects: Selects = every_dead_letter, limit: int | None = None, enough: Enough = read_to_the_end
    ) -> Found:
        """Return the selected dead letters, at most `limit`. All remain in the queue.

        Args:
            selects: Selects dead letters.
            limit: Maximum number of dead letters; None for no limit.
            enough: Ends the search before all dead letters were received.
        """
        found: list[tuple[DeadLetterMessage, DeadLetterDetails]] = []

        def take(messages: Sequence[DeadLetterMessage]) -> Sequence[DeadLetterMessage]:
            found.extend(self._selected(messages, selects))
            return ()

        unseen = self._visit(take, lambda: enough() or (limit is not None and len(found) >= limit))
        return Found(found[:limit], unseen)

    def redrive(
        self,
        send: Send,
        selects: Selects = every_dead_letter,
        record: Record = without_record,
        enough: Enough = read_to_the_end,
    ) -> RedriveResult:
        """Send the selected dead letters back to their queue, and delete them here.

        A message that fails again at once returns while the redrive is under way. It is sent once only. A message
        that its queue will never accept stays here, and holds up no other.

        Args:
            send: Sends messages to the consumer's queue.
            selects: Selects dead letters.
            record: Records dead letters before they are sent.
            enough: Ends the redrive before all dead letters were received.
        """
        result = RedriveResult()
        sent: set[str] = set()

        def take(messages: Sequence[DeadLetterMessage]) -> Sequence[DeadLetterMessage]:
            chosen = []
            for message, details in self._selected(messages, selects):
                if message.body in sent:
                    result.repeated[details.reason] += 1
                    continue
                sent.add(message.body)
                chosen.append((message, details, original_of(message)))
            record([message for message, _, _ in chosen])
            refused = send([original for _, _, original in chosen])
            done = [(message, details) for message, details, original in chosen if original not in refused]
            result.sent.update(details.reason for _, details in done)
            result.refused.update(
                (details.event or message.id, refused[original])
                for message, details, original in chosen
                if original in refused
            )
            return [message for message, _ in done]

        result.unseen = self._visit(take, enough)
        return result

    def drop(self, record: Record, selects: Selects = every_dead_letter, enough: Enough = read_to_the_end) -> Dropped:
        """Record and then delete the selected dead letters.

        Args:
            record: Records dead letters before they are deleted.
            selects: Selects dead letters.
            enough: Ends the drop before all dead letters were received.
        """
        dropped: Counter[str] = Counter()

        def take(messages: Sequence[DeadLetterMessage]) -> Sequence[DeadLetterMessage]:
            chosen = self._selected(messages, selects)
            record([message for message, _ in chosen])
            dropped.update(details.reason for _, details in chosen)
            return [message for message, _ in chosen]

        return Dropped(dropped, self._visit(take, enough))

    def _visit(self, take: Take, enough: Enough) -> Unseen:
        return visit(self.queue, take, enough, self.patience.begin())

    def _selected(
        self, messages: Sequence[DeadLetterMessage], selects: Selects
    ) -> list[tuple[DeadLetterMessage, DeadLetterDetails]]:
        described = [(message, describe(message, self.kind)) for message in messages]
        return [(message, details) for message, details in described if selects(details)]


def visit(queue: DeadLetterQueue, take: Take, enough: Enough, wait: Wait) -> Unseen:
    """Hand each dead letter once to `take`, those of a group in sequence, and release the others at the end.

    If another reader holds messages, release all, wait, and read again. Two readers would otherwise wait for what each
    of them hides from the other.

    Args:
        queue: The queue.
        take: Receives the messages.
        enough: Ends the visit before all dead letters were received.
        wait: Waits for messages that another reader holds.
    """
    seen: set[str] = set()
    deleted = 0
    while True:
        # SQS's numbers lag behind. Those from before are the most reliable: to receive messages changes no total.
        before, gone = queue.depth(), deleted
        held: dict[str, DeadLetterMessage] = {}
        try:
            deleted += _read(queue, take, enough, held, seen)
            missed = max(0, before.total - (len(seen) - gone))
            if missed == 0 or enough():
                return Unseen(missed)
            others = max(before.in_flight, queue.depth().in_flight - len(held))
        finally:
            queue.release(list(held.values()))
        if others <= 0 or not wait():
            return Unseen(missed, missed if others > 0 else 0)


def _read(
    queue: DeadLetterQueue, take: Take, enough: Enough, held: dict[str, DeadLetterMessage], seen: set[str]
) -> int:
    """Receive all messages once, hand those to `take` that it has not seen, and return the number of deleted ones.

    Received messages stay hidden until the end, so that the queue returns others. A FIFO queue returns no more
    messages of a group while some are hidden. Therefore, if messages remain, each group is released and received again
    as a whole, which returns its first ten: a message behind ten others that remain cannot be seen (Amazon SQS
    Developer Guide, "FIFO queue delivery logic").
    """
    deleted = 0

    def receive() -> tuple[int, int]:
        """Receive a batch, and return the number of messages and of new messages."""
        nonlocal deleted
        batch = queue.receive()
        new = [message for message in batch if message.id not in held]
        # A message that was hidden for too long is received again, with another handle.
        held.update((message.id, message) for message in batch)
        unseen = [message for message in new if message.id not in seen]
        seen.update(message.id for message in unseen)
        done = take(unseen) if unseen else ()
        if done:
            queue.delete(done)
        for message in done:
            del held[message.id]
        deleted += len(done)
        return len(batch), len(new)

    again = 0
    while not enough() and again <= len(held):
        received, new = receive()
        if not received:
            break
        again = 0 if new else again + received
    for group in dict.fromkeys(message.group for message in held.values() if message.group):
        while not enough() and queue.depth().waiting:
            queue.release([message for message in held.values() if message.group == group])
            if not receive()[1]:
                break
    return deleted
