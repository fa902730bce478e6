"""The topic port on Amazon SNS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidings.core.entity import OutboxEvent
from tidings.core.errors import PermanentError
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsTopic:
    """A FIFO topic of SNS, by its ARN. The message group is the entity, the deduplication id the event's id."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[OutboxEvent]:
        """Publish a batch with one PublishBatch, and return the events that failed.

        Raises:
            PermanentError: If the topic refused the batch as a whole.
        """
        try:
            answer = self._client.publish_batch(
                TopicArn=self._arn,
                PublishBatchRequestEntries=[
                    {
                        "Id": str(n),
                        "Message": event.body,
                        "MessageGroupId": event.head.subject,
                        "MessageDeduplicationId": event.head.id,
                        "MessageAttributes": {"type": {"DataType": "String", "StringValue": event.head.type}},
                    }
                    for n, event in enumerate(events)
                ],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidParameter":
                raise PermanentError("refused", str(error)) from error
            raise
        failed = {int(failure["Id"]): failure for failure in answer.get("Failed", [])}
        for n, failure in failed.items():
            cause = {"code": failure["Code"], "detail": failure.get("Message", "")}
            logger.error("the topic refused an event", extra={"event_id": events[n].head.id, **cause})
        return [events[n] for n in failed]
