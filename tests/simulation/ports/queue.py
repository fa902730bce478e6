"""SQS in virtual time: standard queues, which repeat and reorder, and FIFO queues, which keep a group in order."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

from tests.simulation.clock import DAY, MINUTE
from tidings.core.clock import Clock
from tidings.core.ports import DeadLetter

DEDUPLICATION = 5 * MINUTE
RETENTION = 14 * DAY

Choose = Callable[[int], int]
"""Chooses a message by its position among this number of messages; 0 is the oldest."""


def oldest(_messages: int) -> int:
    return 0


class StoredMessage:
    """A message in a queue. `arrival` is its position; it is not visible before `hidden_until`."""

    __slots__ = (
        "arrival",
        "attributes",
        "body",
        "deduplication",
        "deleted",
        "first_received",
        "group",
        "hidden_until",
        "id",
        "in_flight",
        "receipt",
        "received",
        "sent",
    )

    def __init__(self, arrival: int, body: str, group: str, deduplication: str, sent: int) -> None:
        self.id = f"message-{arrival}"
        self.arrival = arrival
        self.body = body
        self.group = group
        self.deduplication = deduplication
        self.sent = sent
        self.attributes: Mapping[str, str] = {}
        self.received = 0
        self.first_received = 0
        self.receipt = ""
        self.hidden_until = 0
        self.in_flight = False
        self.deleted = False

    def record(self) -> dict[str, Any]:
        """Return the message as a record of Lambda's SQS event."""
        attributes = {
            "ApproximateReceiveCount": str(self.received),
            "SentTimestamp": str(self.sent),
            "ApproximateFirstReceiveTimestamp": str(self.first_received),
        }
        if self.group:
            attributes["MessageGroupId"] = self.group
        return {"messageId": self.id, "receiptHandle": self.receipt, "body": self.body, "attributes": attributes}


class SimulatedQueue(Protocol):
    """Either kind of queue. Times are in milliseconds, except in the call that takes seconds at SQS.

    Attributes:
        dlq: Its dead-letter queue.
        hidden: The hidden messages with the times at which they become visible, as a heap. Some may be out of date.
        receivable: The messages, or the groups of a FIFO queue, that can be received now.
    """

    dlq: "SimulatedQueue | None"
    hidden: list[tuple[int, int, StoredMessage]]

    @property
    def receivable(self) -> Collection[object]: ...

    def send(
        self,
        body: str,
        group: str = "",
        deduplication: str = "",
        delay: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Take a message, to be visible after a delay."""

    def put(self, letter: StoredMessage) -> None:
        """Take a message that another queue gave up."""

    def receive(self, most: int = 10) -> list[StoredMessage]:
        """Return visible messages, and hide them for the visibility timeout."""

    def delete(self, receipt: str) -> None:
        """Delete a message by the receipt of its last reception. An older receipt has no effect."""

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Hide a message that is in flight for this number of seconds from now."""

    def wake(self) -> None:
        """Let the hidden messages become visible whose time has come."""

    def ready(self, now: int) -> int:
        """Return the number of messages, or of groups, that can be received now."""

    def next_time(self) -> int | None:
        """Return the next time at which a hidden message becomes visible."""

    def is_empty(self) -> bool:
        """Return whether there is no message, not even a hidden one."""

    def messages(self) -> list[StoredMessage]:
        """Return all messages, also hidden ones, oldest first."""


class _Queue:
    receivable: Collection[object]

    def __init__(
        self,
        clock: Clock,
        *,
        visibility: int = 30_000,
        max_receives: int = 5,
        dlq: SimulatedQueue | None = None,
        choose: Choose = oldest,
    ) -> None:
        self.dlq = dlq
        self._clock = clock
        self._visibility = visibility
        self._max_receives = max_receives
        self._choose = choose
        self._count = count(1)
        self._receipts: dict[str, StoredMessage] = {}
        self.hidden: list[tuple[int, int, StoredMessage]] = []

    def change_visibility(self, receipt: str, seconds: int) -> None:
        message = self._receipts.get(receipt)
        if message is None or message.deleted or not message.in_flight:
            raise ValueError("MessageNotInflight")
        self._hide(message, self._clock() + seconds * 1000)

    def next_time(self) -> int | None:
        hidden = self.hidden
        while hidden and self._is_stale(hidden[0]):
            heappop(hidden)
        return hidden[0][0] if hidden else None

    def _hide(self, message: StoredMessage, until: int) -> None:
        message.hidden_until = until
        heappush(self.hidden, (until, message.arrival, message))

    def wake(self) -> None:
        hidden, now = self.hidden, self._clock()
        while hidden and hidden[0][0] <= now:
            entry = heappop(hidden)
            if not self._is_stale(entry):
                entry[2].hidden_until = 0
                self._appear(entry[2])

    def ready(self, now: int) -> int:
        if self.hidden and self.hidden[0][0] <= now:
            self.wake()
        return len(self.receivable)

    def _appear(self, message: StoredMessage) -> None:
        raise NotImplementedError

    def _is_stale(self, entry: tuple[int, int, StoredMessage]) -> bool:
        return entry[2].deleted or entry[2].hidden_until != entry[0]

    def _hand_over(self, message: StoredMessage) -> bool:
        """Begin a reception. Return False if it was received too often, and moved to the dead-letter queue."""
        if message.received >= self._max_receives and self.dlq:
            message.deleted = True
            self._receipts.pop(message.receipt, None)
            self.dlq.put(message)
            return False
        message.received += 1
        message.first_received = message.first_received or self._clock()
        self._receipts.pop(message.receipt, None)
        message.receipt = f"{message.id}/{message.arrival}/{message.received}"
        self._receipts[message.receipt] = message
        message.in_flight = True
        self._hide(message, self._clock() + self._visibility)
        return True

    def _is_expired(self, message: StoredMessage) -> bool:
        return message.sent + RETENTION <= self._clock()


class StandardQueue(_Queue):
    """A standard queue: at-least-once delivery, in any order."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(clock, **options)
        self._stored: dict[int, StoredMessage] = {}
        self.receivable: list[StoredMessage] = []

    def send(
        self,
        body: str,
        group: str = "",  # noqa: ARG002 - a standard queue has none
        deduplication: str = "",  # noqa: ARG002 - a standard queue has none
        delay: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        message = StoredMessage(next(self._count), body, "", "", self._clock())
        message.attributes = attributes or {}
        self._add(message, delay)

    def put(self, letter: StoredMessage) -> None:
        copy = StoredMessage(next(self._count), letter.body, "", "", letter.sent)
        copy.id, copy.attributes = letter.id, letter.attributes
        self._add(copy, 0)

    def repeat(self, message: StoredMessage, delay: int) -> None:
        """Keep another copy of a message, as SQS does if a server missed its deletion."""
        copy = StoredMessage(next(self._count), message.body, message.group, "", message.sent)
        copy.id, copy.received, copy.first_received = message.id, message.received, message.first_received
        self._add(copy, delay)

    def receive(self, most: int = 10) -> list[StoredMessage]:
        self.wake()
        taken: list[StoredMessage] = []
        while self.receivable and len(taken) < most:
            message = self.receivable.pop(self._choose(len(self.receivable)))
            if self._is_expired(message):
                message.deleted = True
            elif self._hand_over(message):
                taken.append(message)
            if message.deleted:
                del self._stored[message.arrival]
        return taken

    def delete(self, receipt: str) -> None:
        message = self._receipts.pop(receipt, None)
        if message is None:
            return
        if not message.in_flight:
            self.receivable.remove(message)
        message.deleted = True
        del self._stored[message.arrival]

    def is_empty(self) -> bool:
        return not self._stored

    def messages(self) -> list[StoredMessage]:
        return list(self._stored.values())

    def _add(self, message: StoredMessage, delay: int) -> None:
        self._stored[message.arrival] = message
        if delay:
            self._hide(message, self._clock() + delay)
        else:
            self.receivable.append(message)

    def _appear(self, message: StoredMessage) -> None:
        message.in_flight = False
        self.receivable.append(message)


class FifoQueue(_Queue):
    """A FIFO queue: a group's messages in order. While one of them is in flight, no other is received.

    A message whose deduplication id was seen within five minutes is dropped, even if the first one was deleted.
    """

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(clock, **options)
        self._groups: dict[str, deque[StoredMessage]] = {}
        self._in_flight: Counter[str] = Counter()
        self.receivable: dict[str, None] = {}
        self._seen: dict[tuple[str, str], int] = {}

    def send(
        self,
        body: str,
        group: str = "",
        deduplication: str = "",
        delay: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        if not group or not deduplication:
            raise ValueError("MissingParameter: MessageGroupId and MessageDeduplicationId")
        now = self._clock()
        if self._seen.get((group, deduplication), 0) > now:
            return
        self._seen[group, deduplication] = now + DEDUPLICATION
        message = StoredMessage(next(self._count), body, group, deduplication, now)
        message.attributes = attributes or {}
        self._add(message, delay)

    def put(self, letter: StoredMessage) -> None:
        copy = StoredMessage(next(self._count), letter.body, letter.group, letter.deduplication, self._clock())
        copy.id, copy.attributes = letter.id, letter.attributes
        self._add(copy, 0)

    def receive(self, most: int = 10) -> list[StoredMessage]:
        self.wake()
        taken: list[StoredMessage] = []
        free = list(self.receivable)
        while free and len(taken) < most:
            group = free.pop(self._choose(len(free)))
            taken += self._receive_group(group, most - len(taken))
        return taken

    def delete(self, receipt: str) -> None:
        message = self._receipts.pop(receipt, None)
        if message is None:
            return
        if not message.in_flight:
            # Its visibility timeout has ended. SQS refuses such a receipt on a FIFO queue.
            return
        self._land(message)
        self._remove(message)

    def is_empty(self) -> bool:
        return not self._groups

    def messages(self) -> list[StoredMessage]:
        return sorted((each for group in self._groups.values() for each in group), key=lambda each: each.arrival)

    def _receive_group(self, group: str, most: int) -> list[StoredMessage]:
        taken: list[StoredMessage] = []
        now = self._clock()
        for message in list(self._groups[group]):
            if len(taken) == most or message.hidden_until > now:
                break
            if self._is_expired(message) or not self._hand_over(message):
                self._remove(message)
            else:
                self._in_flight[group] += 1
                taken.append(message)
        self._update(group)
        return taken

    def _add(self, message: StoredMessage, delay: int) -> None:
        waiting = self._groups.setdefault(message.group, deque())
        # A message that is delayed delays those behind it in its group.
        behind = waiting[-1].hidden_until if waiting and not waiting[-1].in_flight else 0
        until = max(self._clock() + delay, behind)
        waiting.append(message)
        if until > self._clock():
            self._hide(message, until)
        self._update(message.group)

    def _appear(self, message: StoredMessage) -> None:
        if message.in_flight:
            self._land(message)
        self._update(message.group)

    def _land(self, message: StoredMessage) -> None:
        message.in_flight = False
        self._in_flight[message.group] -= 1

    def _remove(self, message: StoredMessage) -> None:
        message.deleted = True
        waiting = self._groups[message.group]
        waiting.remove(message)
        if not waiting:
            del self._groups[message.group]
        self._update(message.group)

    def _update(self, group: str) -> None:
        """Take note of whether the group's next message can be received."""
        waiting = self._groups.get(group)
        if waiting and not self._in_flight[group] and not waiting[0].hidden_until:
            self.receivable[group] = None
        else:
            self.receivable.pop(group, None)


class ConsumerQueue:
    """A queue as its consumer uses it; see `tidings.core.ports.Queue`."""

    def __init__(self, queue: SimulatedQueue) -> None:
        self._queue = queue

    def retry_later(self, delays: Mapping[str, int]) -> None:
        for receipt, seconds in delays.items():
            try:
                self._queue.change_visibility(receipt, seconds)
            except ValueError:
                # ChangeMessageVisibilityBatch reports it in its answer, which the consumer ignores.
                continue

    def dead_letter(self, letter: DeadLetter) -> None:
        if self._queue.dlq is None:
            raise ValueError("QueueDoesNotExist")
        message = letter.message
        reasons = {"reason": letter.reason, "detail": letter.detail}
        self._queue.dlq.send(message.body, message.group, message.id, attributes=reasons)
