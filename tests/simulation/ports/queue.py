"""SQS's queues: standard ones, which may repeat and reorder, and FIFO ones, which keep a group's order."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

from tests.simulation.clock import DAY, MINUTE
from tidings.clock import Clock
from tidings.consumer import DeadLetter

DEDUPLICATION = 5 * MINUTE
RETENTION = 14 * DAY

Choose = Callable[[int], int]
"""Chooses one of so many: 0 is the oldest."""


def oldest(_many: int) -> int:
    return 0


class Stored:
    """A message in a queue. `arrival` orders them; what is `hidden_until` a time is not seen before it."""

    __slots__ = (
        "arrival",
        "attributes",
        "body",
        "deduplication",
        "deleted",
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
        self.receipt = ""
        self.hidden_until = 0
        self.in_flight = False
        self.deleted = False

    def record(self) -> dict[str, Any]:
        """As Lambda's SQS event has it."""
        attributes = {"ApproximateReceiveCount": str(self.received), "SentTimestamp": str(self.sent)}
        if self.group:
            attributes["MessageGroupId"] = self.group
        return {"messageId": self.id, "receiptHandle": self.receipt, "body": self.body, "attributes": attributes}


class MemoryQueue(Protocol):
    """What both kinds of queue do. Times are in milliseconds, except where SQS's own call takes seconds."""

    dlq: "MemoryQueue | None"

    def send(
        self,
        body: str,
        group: str = "",
        deduplication: str = "",
        delay: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Takes a message; it arrives after `delay`."""

    def put(self, letter: Stored) -> None:
        """Takes a message that is given up elsewhere."""

    def receive(self, most: int = 10) -> list[Stored]:
        """Messages that are seen now, which are hidden from here on for the visibility timeout."""

    def delete(self, receipt: str) -> None:
        """Deletes a message by the receipt of its last reception; an older receipt does nothing."""

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Hides a message that is in flight for so many seconds from now."""

    def ready(self) -> int:
        """How many messages, or groups of them, could be received now."""

    def next_time(self) -> int | None:
        """When something that is hidden now may be seen again."""

    def messages(self) -> list[Stored]:
        """All messages, hidden ones included, oldest first."""


class _Queue:
    def __init__(
        self,
        clock: Clock,
        *,
        visibility: int = 30_000,
        max_receives: int = 5,
        dlq: MemoryQueue | None = None,
        choose: Choose = oldest,
    ) -> None:
        self.dlq = dlq
        self._clock = clock
        self._visibility = visibility
        self._max_receives = max_receives
        self._choose = choose
        self._count = count(1)
        self._receipts: dict[str, Stored] = {}
        self._hidden: list[tuple[int, int, Stored]] = []

    def change_visibility(self, receipt: str, seconds: int) -> None:
        message = self._receipts.get(receipt)
        if message is None or message.deleted or not message.in_flight:
            raise ValueError("MessageNotInflight")
        self._hide(message, self._clock() + seconds * 1000)

    def next_time(self) -> int | None:
        hidden = self._hidden
        while hidden and self._is_stale(hidden[0]):
            heappop(hidden)
        return hidden[0][0] if hidden else None

    def _hide(self, message: Stored, until: int) -> None:
        message.hidden_until = until
        heappush(self._hidden, (until, message.arrival, message))

    def _wake(self) -> None:
        hidden, now = self._hidden, self._clock()
        while hidden and hidden[0][0] <= now:
            entry = heappop(hidden)
            if not self._is_stale(entry):
                entry[2].hidden_until = 0
                self._appear(entry[2])

    def _appear(self, message: Stored) -> None:
        raise NotImplementedError

    def _is_stale(self, entry: tuple[int, int, Stored]) -> bool:
        return entry[2].deleted or entry[2].hidden_until != entry[0]

    def _hand_over(self, message: Stored) -> bool:
        """Begins a reception; False where it has been received too often, and goes to the dead-letter queue."""
        if message.received >= self._max_receives and self.dlq:
            message.deleted = True
            self._receipts.pop(message.receipt, None)
            self.dlq.put(message)
            return False
        message.received += 1
        self._receipts.pop(message.receipt, None)
        message.receipt = f"{message.id}/{message.arrival}/{message.received}"
        self._receipts[message.receipt] = message
        message.in_flight = True
        self._hide(message, self._clock() + self._visibility)
        return True

    def _is_expired(self, message: Stored) -> bool:
        return message.sent + RETENTION <= self._clock()


class StandardQueue(_Queue):
    """At least once, in any order."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(clock, **options)
        self._stored: dict[int, Stored] = {}
        self._ready: list[Stored] = []

    def send(
        self,
        body: str,
        group: str = "",  # noqa: ARG002 - a standard queue has none
        deduplication: str = "",  # noqa: ARG002 - a standard queue has none
        delay: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        message = Stored(next(self._count), body, "", "", self._clock())
        message.attributes = attributes or {}
        self._add(message, delay)

    def put(self, letter: Stored) -> None:
        copy = Stored(next(self._count), letter.body, "", "", letter.sent)
        copy.id, copy.attributes = letter.id, letter.attributes
        self._add(copy, 0)

    def repeat(self, message: Stored, delay: int) -> None:
        """Another copy of a message, as SQS keeps one where a server missed its deletion."""
        copy = Stored(next(self._count), message.body, message.group, "", message.sent)
        copy.id, copy.received = message.id, message.received
        self._add(copy, delay)

    def receive(self, most: int = 10) -> list[Stored]:
        self._wake()
        taken: list[Stored] = []
        while self._ready and len(taken) < most:
            message = self._ready.pop(self._choose(len(self._ready)))
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
            self._ready.remove(message)
        message.deleted = True
        del self._stored[message.arrival]

    def ready(self) -> int:
        if self._hidden and self._hidden[0][0] <= self._clock():
            self._wake()
        return len(self._ready)

    def messages(self) -> list[Stored]:
        return list(self._stored.values())

    def _add(self, message: Stored, delay: int) -> None:
        self._stored[message.arrival] = message
        if delay:
            self._hide(message, self._clock() + delay)
        else:
            self._ready.append(message)

    def _appear(self, message: Stored) -> None:
        message.in_flight = False
        self._ready.append(message)


class FifoQueue(_Queue):
    """A group's messages in their order: while one of them is in flight, none is handed over.

    A deduplication id is swallowed for five minutes, also where its message was deleted meanwhile.
    """

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(clock, **options)
        self._groups: dict[str, deque[Stored]] = {}
        self._in_flight: Counter[str] = Counter()
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
        message = Stored(next(self._count), body, group, deduplication, now)
        message.attributes = attributes or {}
        self._add(message, delay)

    def put(self, letter: Stored) -> None:
        copy = Stored(next(self._count), letter.body, letter.group, letter.deduplication, self._clock())
        copy.id, copy.attributes = letter.id, letter.attributes
        self._add(copy, 0)

    def receive(self, most: int = 10) -> list[Stored]:
        self._wake()
        taken: list[Stored] = []
        free = self._free()
        while free and len(taken) < most:
            group = free.pop(self._choose(len(free)))
            taken += self._receive_group(group, most - len(taken))
        return taken

    def delete(self, receipt: str) -> None:
        message = self._receipts.pop(receipt, None)
        if message is None:
            return
        if not message.in_flight:
            # Its visibility has ended: SQS refuses such a receipt on a FIFO queue.
            return
        self._land(message)
        self._remove(message)

    def ready(self) -> int:
        if self._hidden and self._hidden[0][0] <= self._clock():
            self._wake()
        return len(self._free()) if self._groups else 0

    def messages(self) -> list[Stored]:
        return sorted((each for group in self._groups.values() for each in group), key=lambda each: each.arrival)

    def _free(self) -> list[str]:
        now = self._clock()
        return [
            group
            for group, messages in self._groups.items()
            if not self._in_flight[group] and messages[0].hidden_until <= now
        ]

    def _receive_group(self, group: str, most: int) -> list[Stored]:
        taken: list[Stored] = []
        now = self._clock()
        for message in list(self._groups[group]):
            if len(taken) == most or message.hidden_until > now:
                break
            if self._is_expired(message) or not self._hand_over(message):
                self._remove(message)
            else:
                self._in_flight[group] += 1
                taken.append(message)
        return taken

    def _add(self, message: Stored, delay: int) -> None:
        waiting = self._groups.setdefault(message.group, deque())
        # What comes late in a group keeps those behind it waiting.
        behind = waiting[-1].hidden_until if waiting and not waiting[-1].in_flight else 0
        until = max(self._clock() + delay, behind)
        waiting.append(message)
        if until > self._clock():
            self._hide(message, until)

    def _appear(self, message: Stored) -> None:
        if message.in_flight:
            self._land(message)

    def _land(self, message: Stored) -> None:
        message.in_flight = False
        self._in_flight[message.group] -= 1

    def _remove(self, message: Stored) -> None:
        message.deleted = True
        waiting = self._groups[message.group]
        waiting.remove(message)
        if not waiting:
            del self._groups[message.group]


class ConsumersQueue:
    """A queue as a consumer uses it."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    def postpone(self, delays: Mapping[str, int]) -> None:
        for receipt, seconds in delays.items():
            try:
                self._queue.change_visibility(receipt, seconds)
            except ValueError:
                # ChangeMessageVisibilityBatch tells of it in its answer, which the consumer need not look at.
                continue

    def bury(self, letter: DeadLetter) -> None:
        if self._queue.dlq is None:
            raise ValueError("QueueDoesNotExist")
        message = letter.message
        reasons = {"reason": letter.reason, "detail": letter.detail}
        self._queue.dlq.send(message.body, message.group, message.id, attributes=reasons)
