"""The readings of a queue of Amazon SQS."""

from typing import TYPE_CHECKING

from tidings.aws.recovery.refusals import reporting
from tidings.handling.retries import MAX_RETRY_DELAY
from tidings.recovery.drain import Delays
from tidings.recovery.ports import QueueDepth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

AWS_DELAYS = Delays(depth=60, index=5, filter_policy=15 * 60, retry=MAX_RETRY_DELAY)
"""The delays of AWS (Amazon SQS API Reference, "GetQueueAttributes"; Amazon SNS Developer Guide, "Subscription filter
policies")."""


class SqsQueueGauge:
    """The readings of a queue, by its URL.

    Attributes:
        name: The queue's name.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        """Create the gauge of the queue with this URL."""
        self.name = url.rpartition("/")[2]
        self._client = client
        self._url = url

    def depth(self) -> QueueDepth:
        """Return the approximate number of messages."""
        waiting, delayed, in_flight = self._read(
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        )
        return QueueDepth(waiting + delayed, in_flight)

    def visibility_timeout(self) -> int:
        """Return the number of seconds that a received message stays hidden."""
        return self._read("VisibilityTimeout")[0]

    def _read(self, *names: "QueueAttributeNameType") -> "Sequence[int]":
        with reporting(f"{self.name} cannot be read"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return [int(answer["Attributes"][name]) for name in names]
