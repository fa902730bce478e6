"""The topic port on Amazon SNS."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidings.core.entity import OutboxEvent
from tidings.core.ports import Unpublished
from tidings.observability.log import logger

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import BatchResultErrorEntryTypeDef

INVALID = {"InvalidParameter", "ParameterValueInvalid", "ValidationException", "BatchRequestTooLong"}
"""The errors of a whole call that one of its events may cause (Amazon SNS API Reference, "PublishBatch")."""

OF_DEPLOYMENT = re.compile(
    r"KMS|Throttl|NotFound|Authori[sz]ation|AccessDenied|Security|Disabled|OptIn|Token|Signature|Expired|Unrecognized"
)
"""The codes of faults of the deployment: permissions, keys, the topic. SNS calls most of them the sender's.

They are those of "PublishBatch" and of "Common Errors" in the Amazon SNS API Reference.
"""

ABOUT_TOPIC = re.compile(r"TopicArn|topic type")
"""The words of an `InvalidParameter` that every event would cause: another topic is there, or none."""


class SnsTopic:
    """A FIFO topic of SNS, by its ARN. The message group is the entity, the deduplication id the event's id."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        """Publish a batch with one PublishBatch, and return the events that the topic did not take.

        If SNS refuses the batch as a whole because of one event, each event is published by itself.
        """
        try:
            return self._publish(events)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in INVALID or ABOUT_TOPIC.search(str(error)):
                raise
            if len(events) == 1:
                return [Unpublished(events[0], refused=True, code=code)]
        return [unpublished for event in events for unpublished in self._publish_alone(event)]

    def _publish_alone(self, event: OutboxEvent) -> Sequence[Unpublished]:
        try:
            return self.publish([event])
        except Exception as error:
            logger.exception("an event was not published", extra={"event_id": event.head.id})
            return [Unpublished(event, refused=False, code=type(error).__name__)]

    def _publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
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
        published = {entry["Id"] for entry in answer.get("Successful", [])}
        if len(published) == len(events):
            return []
        failures = {entry["Id"]: entry for entry in answer.get("Failed", [])}
        return [_unpublished(event, failures.get(str(n))) for n, event in enumerate(events) if str(n) not in published]


def _unpublished(event: OutboxEvent, failure: "BatchResultErrorEntryTypeDef | None") -> Unpublished:
    """Judge an event's failure. An event about which the answer says nothing may have been lost."""
    if failure is None:
        return Unpublished(event, refused=False, code="NoAnswer")
    code = failure["Code"]
    of_deployment = OF_DEPLOYMENT.search(code) or ABOUT_TOPIC.search(failure.get("Message", ""))
    return Unpublished(event, refused=failure["SenderFault"] and not of_deployment, code=code)
