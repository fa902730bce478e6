"""An operator's republishing of an entity's events: the command's engine over the table and the topic in memory."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidings.core.entity import OutboxEvent
from tidings.core.ports import Topic
from tidings.recovery.ports import EntityOutbox, OutboxPage, OutgoingMessage, SendFailure
from tidings.recovery.republish import Republisher
from tidings.recovery.sender import Sender
from tidings.testing import InlineExecutor, MemoryTable


@dataclass(frozen=True)
class MemoryOutboxTable:
    """A service's table, as the engine reads it."""

    table: MemoryTable

    def entity_outbox(self, key: str) -> Sequence[OutboxEvent]:
        stored = self.table.entities.get(key)
        return [OutboxEvent(body) for body in stored.outbox] if stored else []

    def outboxes(self) -> Iterator[Sequence[OutboxEvent]]:
        yield from (self.entity_outbox(key) for key in self.table.entities)

    def read_page(self, segment: int, segments: int, after: str, most: int) -> OutboxPage:
        keys = sorted(key for key in self.table.entities if zlib.crc32(key.encode()) % segments == segment)
        page = [key for key in keys if key > after][:most]
        outboxes = [EntityOutbox(key, self.entity_outbox(key)) for key in page]
        return OutboxPage([each for each in outboxes if each.events], len(page), page[-1] if page else "")


@dataclass(frozen=True)
class MemoryTopicDestination:
    """The topic, as the engine sends to it."""

    topic: Topic

    def send(self, batch: Sequence[OutgoingMessage], attempt: str) -> Mapping[OutgoingMessage, SendFailure]:  # noqa: ARG002 - the port's shape
        messages = {OutboxEvent(message.body): message for message in batch}
        return {messages[each.event]: SendFailure(each.code) for each in self.topic.publish(list(messages))}


def republish(service: str, table: MemoryTable, key: str, topic: Topic) -> None:
    """Publish an entity's events again.

    Raises:
        RecoveryError: If the topic does not take one of them.
    """
    sender = Sender(MemoryTopicDestination(topic), "relay", InlineExecutor(), pause=lambda _seconds: None)
    Republisher(sender).republish_entity({service: MemoryOutboxTable(table)}, key)
