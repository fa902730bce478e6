"""The ports of recovery on AWS: SQS, SNS, DynamoDB and Lambda's event source mappings."""

from tidings.aws.recovery.dead_letter_queue import SqsDeadLetterQueue
from tidings.aws.recovery.destinations import QueueDestination, TopicDestination, queue_sender
from tidings.aws.recovery.event_source import EventSourceMapping, MappingStatus, mapping_statuses
from tidings.aws.recovery.function_switch import FunctionSwitch
from tidings.aws.recovery.indexed_table import DynamoIndexedTable
from tidings.aws.recovery.queue_gauge import AWS_DELAYS, SqsQueueGauge
from tidings.aws.recovery.refusals import reporting
from tidings.aws.recovery.service_table import DynamoServiceTable
from tidings.aws.recovery.table_stream import DynamoTableStream
from tidings.aws.recovery.tables import DynamoOutboxTable, DynamoProjectionTable

__all__ = [
    "AWS_DELAYS",
    "DynamoIndexedTable",
    "DynamoOutboxTable",
    "DynamoProjectionTable",
    "DynamoServiceTable",
    "DynamoTableStream",
    "EventSourceMapping",
    "FunctionSwitch",
    "MappingStatus",
    "QueueDestination",
    "SqsDeadLetterQueue",
    "SqsQueueGauge",
    "TopicDestination",
    "mapping_statuses",
    "queue_sender",
    "reporting",
]
