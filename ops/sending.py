"""Sends recorded events to one consumer's queue, as the topic would."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.failure import Failure
from tidings.relay import Entry, batches
from tidings.service import QueueKind

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_ATTEMPTS = 6
"""How often a message is sent before it is given up; the pauses between add up to some six seconds."""


@dataclass
class Sender:
    """Sends by ten, in waves: in each the next event of every order, so that no retry lets an order's overtake.

    `run` sets this run's deduplication ids apart from every other's: SQS swallows one that it has seen within five
    minutes, and with it the message. `rate` is in messages a second.
    """

    client: "SQSClient"
    queue: str
    kind: QueueKind
    run: str
    executor: Executor
    rate: float | None = None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _due: float = field(default=0, init=False)

    def send(self, entries: Sequence[Entry]) -> None:
        """Sends them all, each order's in the order given; Failure where one is refused for good."""
        waiting: dict[str, deque[Entry]] = {}
        for entry in entries:
            waiting.setdefault(entry.head.subject, deque()).append(entry)
        while waiting:
            self._send_wave([queue.popleft() for queue in waiting.values()])
            waiting = {order: queue for order, queue in waiting.items() if queue}

    def _send_wave(self, wave: Sequence[Entry]) -> None:
        pending = wave
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if attempt > 1:
                self.pause(0.2 * 2 ** (attempt - 2))
            under_way = []
            for batch in batches(pending):
                self._keep_to_rate(len(batch))
                under_way.append(self.executor.submit(self._send_batch, batch, attempt))
            refused = {entry: why for answer in under_way for entry, why in answer.result().items()}
            if not refused:
                return
            pending = list(refused)
        why = next(iter(refused.values()))
        raise Failure(f"{len(refused)} messages were refused {MAX_ATTEMPTS} times ({why}); run it again to go on")

    def _send_batch(self, batch: Sequence[Entry], attempt: int) -> dict[Entry, str]:
        """Those that were not accepted, each with the reason."""
        requests = [self._request(n, entry, attempt) for n, entry in enumerate(batch)]
        try:
            answer = self.client.send_message_batch(QueueUrl=self.queue, Entries=requests)
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(batch, str(error))
        return {
            batch[int(failure["Id"])]: f"{failure['Code']} {failure.get('Message', '')}".strip()
            for failure in answer.get("Failed", [])
        }

    def _request(self, n: int, entry: Entry, attempt: int) -> "SendMessageBatchRequestEntryTypeDef":
        request: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(n),
            "MessageBody": entry.body,
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": entry.head.type}},
        }
        if self.kind == "fifo":
            request["MessageGroupId"] = entry.head.subject
            request["MessageDeduplicationId"] = f"{entry.head.id}#{self.run}#{attempt}"
        return request

    def _keep_to_rate(self, messages: int) -> None:
        if self.rate is None:
            return
        now = self.clock()
        if now < self._due:
            self.pause(self._due - now)
        self._due = max(now, self._due) + messages / self.rate
