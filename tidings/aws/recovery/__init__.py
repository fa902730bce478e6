"""The ports of recovery on AWS: SQS, SNS, DynamoDB and Lambda's event source mappings."""

from tidings.aws.recovery.dead_letter_queue import SqsDeadLetterQueue
from tidings.aws.recovery.destinations import QueueDestination, TopicDestination
from tidings.aws.recovery.event_source import EventSourceMapping
from tidings.aws.recovery.queue_gauge import AWS_DELAYS, SqsQueueGauge
from tidings.aws.recovery.refusals import reporting
from tidings.aws.recovery.tables import DynamoOutboxTable, DynamoProjectionTable

__all__ = [
    "AWS_DELAYS",
    "DynamoOutboxTable",
    "DynamoProjectionTable",
    "EventSourceMapping",
    "QueueDestination",
    "SqsDeadLetterQueue",
    "SqsQueueGauge",
    "TopicDestination",
    "reporting",
]
