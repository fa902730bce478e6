"""The queues: a service's own, and its dead-letter queues."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs

from infra.stacks.base import ApplicationStack
from tidings.aws.names import QueueRole, queue_name
from tidings.core.service import QueueKind


def add_queue(
    stack: ApplicationStack, role: QueueRole, kind: QueueKind, dlq: sqs.Queue | None = None, window: int = 0
) -> sqs.Queue:
    """Add a queue to a service's stack.

    A FIFO queue delivers the messages of one entity one after another. It deduplicates by ids, never by content.

    Args:
        stack: The service's stack.
        role: The last part of the queue's name. The queue with the role `queue` has the service's name.
        kind: The kind.
        dlq: Its dead-letter queue.
        window: Number of seconds that its consumer waits for a batch to fill.
    """
    stage = stack.stage
    fifo = kind == "fifo"
    return sqs.Queue(
        stack,
        role,
        queue_name=queue_name(stack.stack_name, role, kind),
        fifo=True if fifo else None,
        content_based_deduplication=False if fifo else None,
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
        visibility_timeout=Duration.seconds(stage.visibility_timeout(window)),
        retention_period=Duration.days(stage.message_retention_days),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        # Clients use plain HTTP with the emulator, which this would refuse.
        enforce_ssl=not stage.emulated,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dlq, max_receive_count=stage.max_receives) if dlq else None,
    )
