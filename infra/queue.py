"""The queues: a service's own, and those that keep what could not be handled, relayed or delivered."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs

from infra.stack import StageStack
from tidings.service import QueueKind


def queue(stack: StageStack, role: str, kind: QueueKind, dlq: sqs.Queue | None = None, window: int = 0) -> sqs.Queue:
    """A queue named for its service and its role, or for the service alone where it is the service's own.

    `window` is how many seconds its consumer waits for a batch, where that is longer than the stage's.
    On a FIFO queue no order holds up another, and deduplication is by ids, never by content.
    """
    stage = stack.stage
    name = stack.stack_name if role == "queue" else f"{stack.stack_name}-{role}"
    fifo = kind == "fifo"
    return sqs.Queue(
        stack,
        role,
        queue_name=f"{name}.fifo" if fifo else name,
        fifo=True if fifo else None,
        content_based_deduplication=False if fifo else None,
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
        visibility_timeout=Duration.seconds(stage.visibility + max(0, window - stage.batch_window)),
        retention_period=Duration.days(stage.message_retention_days),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        # The emulator is spoken to in plain HTTP, which this would deny.
        enforce_ssl=not stage.emulated,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dlq, max_receive_count=stage.max_receives) if dlq else None,
    )
