"""The queues of the stage, by their names."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Protocol

from tidings.aws.recovery import SqsDeadLetterQueue, SqsQueueGauge, queue_sender, reporting
from tidings.recovery import DeadLetterQueue, QueueDepth
from tidings.recovery.redrive import Send

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SEND_ATTEMPTS = 3
"""Number of attempts to send a message, which take less than a second. A caller may repeat the request."""


class Queues(Protocol):
    """The queues of the stage. A method raises `RecoveryError` if its call is refused."""

    def depth(self, name: str) -> QueueDepth:
        """Return the approximate number of messages of a queue."""
        ...

    def dead_letters(self, name: str, hidden: int) -> DeadLetterQueue:
        """Return a dead-letter queue, whose messages stay hidden for a number of seconds if they are not released."""
        ...

    def sender(self, name: str) -> Send:
        """Return what sends messages to a consumer's queue."""
        ...


class SqsQueues:
    """The queues of a stage on Amazon SQS. The address of each is asked for once; see `Queues`.

    Args:
        client: Returns the client.
        threads: Sends batches in parallel.
        wait: Maximum number of seconds that a request waits for messages.
    """

    def __init__(self, client: "Callable[[], SQSClient]", threads: Executor, wait: int) -> None:
        self._client = client
        self._threads = threads
        self._wait = wait
        self._urls: dict[str, str] = {}

    def depth(self, name: str) -> QueueDepth:
        """Return the approximate number of messages of a queue, by one GetQueueAttributes."""
        return SqsQueueGauge(self._client(), self._url(name)).depth()

    def dead_letters(self, name: str, hidden: int) -> SqsDeadLetterQueue:
        """Return a dead-letter queue, whose messages stay hidden for a number of seconds if they are not released."""
        return SqsDeadLetterQueue(self._client(), self._url(name), hidden, self._wait)

    def sender(self, name: str) -> Send:
        """Return what sends messages to a consumer's queue."""
        return queue_sender(self._client(), self._url(name), self._threads, attempts=SEND_ATTEMPTS).send

    def _url(self, name: str) -> str:
        if name not in self._urls:
            with reporting(f"{name} cannot be found"):
                self._urls[name] = self._client().get_queue_url(QueueName=name)["QueueUrl"]
        return self._urls[name]
