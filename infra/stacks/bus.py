"""The bus: the topic to which every service publishes its events."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.application import Application
from infra.stacks.base import ApplicationStack


class BusStack(ApplicationStack):
    """A FIFO topic that is encrypted with a key of the stack.

    Attributes:
        topic: The topic. It deduplicates by the events' ids, never by content.
        key: The key.
    """

    def __init__(self, scope: Construct, application: Application) -> None:
        super().__init__(scope, "bus", application, "the topic of all events")
        self.key = self.add_key("the events on the topic")
        self.topic = sns.Topic(
            self,
            "topic",
            topic_name=f"{application.resource_name()}.fifo",
            fifo=True,
            content_based_deduplication=False,
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
            master_key=self.key,
            # Clients use plain HTTP with the emulator, which this would refuse.
            enforce_ssl=not self.stage.emulated,
        )
        self.add_output("Topic", self.topic.topic_arn)
