"""The bus: the one topic that every service announces its events on."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stack import StageStack
from infra.stages import Stage


class BusStack(StageStack):
    """A FIFO topic, encrypted with a key of its own. Deduplication is by events' ids, never by content."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "bus", stage, "Tidings: the topic of all events")
        self.key = self.own_key("the events on the topic")
        self.topic = sns.Topic(
            self,
            "topic",
            topic_name=f"{stage.named()}.fifo",
            fifo=True,
            content_based_deduplication=False,
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
            master_key=self.key,
            # The emulator is spoken to in plain HTTP, which this would deny.
            enforce_ssl=not stage.emulated,
        )
        self.output("Topic", self.topic.topic_arn)
