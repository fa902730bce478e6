"""The steps of a retirement. Each reads how far the last run came, so a run that broke off is continued by another."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from functions.history.client import HistoryClient
from ops.counts import counted
from ops.errors import CommandError
from ops.outputs import Outputs, ServiceOutputs
from ops.replay.options import HISTORY
from ops.replay.run import LOCAL_DELAYS
from ops.retire.stack import RetiredStack
from ops.stage import LOCAL, WORKERS, DeployedStage
from ops.unpublished import STREAM_SECONDS, names_of, unpublished_events, wait_until_recorded
from tidings.aws.recovery import (
    AWS_DELAYS,
    DynamoOutboxTable,
    EventSourceMapping,
    SqsQueueGauge,
    reporting,
)
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import QueueDrain
from tidings.recovery.republish import TimedHead


@dataclass(frozen=True)
class Retirement:
    """The retirement of one service.

    Attributes:
        stage: The stage.
        outputs: Its resources.
        name: The service's name.
        keep: Whether its tables outlast it.
        report: Receives a text about each step.
    """

    stage: DeployedStage
    outputs: Outputs
    name: str
    keep: bool
    report: Callable[[str], None]

    def run(self) -> None:
        """Close the service, unsubscribe it, drain its queue and its relay, and delete its stack.

        Raises:
            CommandError: If dead letters or unpublished events are left, or if something cannot be deleted.
            RecoveryError: If its queue is not drained, or AWS refuses a call.
        """
        if not self._stack.is_being_deleted:
            self.report("closing its API and its jobs")
            self._stack.close()
            if self._service.queue:
                self._drain_queue(self._service.queue)
            if self._service.relay_dlq:
                self._drain_relay()
            if self.keep:
                tables = self._stack.protect_tables()
                self.report(f"keeping {', '.join(tables)}")
        if not self.keep:
            self.report("deleting its data")
            self._stack.delete_data()
        self.report("deleting its stack")
        self._stack.delete()

    def _drain_queue(self, queue: str) -> None:
        self.report("unsubscribing its queue")
        self._unsubscribe(queue)
        consumer = EventSourceMapping(self.stage.client("lambda"), self._service.function or "")
        # A run that broke off may have stopped it before somebody redrove a dead letter.
        consumer.start()
        gauge = SqsQueueGauge(self.stage.client("sqs"), queue)
        delays = LOCAL_DELAYS if self.stage.name == LOCAL else AWS_DELAYS
        QueueDrain(gauge, delays).wait_until_handled(
            lambda depth: self.report(f"its consumer handles {counted(depth.total, 'message')}")
        )
        self._check_dead_letters()
        consumer.stop()
        if left := gauge.depth().total:
            raise CommandError(
                f"the queue of {self.name} holds {counted(left, 'message')} again; run the command again"
            )

    def _unsubscribe(self, queue: str) -> None:
        with reporting(f"the queue of {self.name} cannot be unsubscribed"):
            answer = self.stage.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
            topic = self.stage.client("sns")
            pages = topic.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.outputs.topic)
            for subscription in [each for page in pages for each in page["Subscriptions"]]:
                if subscription["Endpoint"] == answer["Attributes"]["QueueArn"]:
                    topic.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])

    def _check_dead_letters(self) -> None:
        queues = (self._service.dlq, self._service.undelivered, self._service.relay_dlq)
        client = self.stage.client("sqs")
        gauges = [SqsQueueGauge(client, url) for url in queues if url]
        if left := {gauge.name: total for gauge in gauges if (total := gauge.depth().total)}:
            found = ", ".join(f"{name} has {counted(total, 'message')}" for name, total in left.items())
            raise CommandError(
                f"{self.name} has dead letters ({found}): see {self.stage.command('dlq list')}; redrive or drop them, "
                "and run the command again. Its queue is unsubscribed, and its consumer runs"
            )

    def _drain_relay(self) -> None:
        self.report("waiting until its last events are published and recorded")
        with ThreadPoolExecutor(WORKERS) as threads:
            client = self.stage.client("dynamodb")
            log = HistoryClient.connect(client, self.outputs.table(HISTORY), threads)
            table = DynamoOutboxTable(client, self.outputs.table(self.name), threads)
            last = unpublished_events(table, log, to_rfc3339(now() - STREAM_SECONDS * 1000))
            if left := wait_until_recorded(last, log):
                raise CommandError(self._describe_unpublished(left))
        self._check_dead_letters()

    def _describe_unpublished(self, left: list[TimedHead]) -> str:
        since = min(head.time for head in left)
        return (
            f"the event log lacks {counted(len(left), 'event')} of {self.name} ({names_of(left)}): "
            f"{self.stage.command(f'relay --service {self.name} --since {since}')} publishes them; then run the "
            "command again"
        )

    @cached_property
    def _stack(self) -> RetiredStack:
        return RetiredStack(self.stage, f"{self.stage.prefix}{self.name}")

    @property
    def _service(self) -> ServiceOutputs:
        return self.outputs.service(self.name)
