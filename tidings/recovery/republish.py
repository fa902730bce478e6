"""Republishing: publishes the events in outboxes again, under the same ids, for what a relay gave up.

Nothing is lost when a relay gives up, because each entity's outbox keeps all events that its service announced.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from tidings.core.entity import EventHead, OutboxEvent
from tidings.recovery.ports import OutboxTable, OutgoingMessage
from tidings.recovery.sender import Sender


class TimedHead(EventHead, frozen=True):
    """An event's head with its time."""

    time: str


_decoder = msgspec.json.Decoder(TimedHead)


@dataclass(frozen=True)
class Republisher:
    """The publisher of the events in outboxes.

    Attributes:
        sender: Sends the events to the topic; None only counts them.
        since: The time (RFC 3339) that no event precedes.
    """

    sender: Sender | None
    since: str = ""

    def republish_entity(self, tables: Iterable[OutboxTable], key: str) -> Counter[str]:
        """Publish an entity's events of several services, sorted by (time, id). Return their number by type."""
        found = [_decoded(event) for table in tables for event in table.entity_outbox(key)]
        return self._publish(sorted(found, key=lambda event: (event[0].time, event[0].id)))

    def republish_table(self, table: OutboxTable) -> Counter[str]:
        """Publish the events of a whole table, each entity's in sequence. Return their number by type."""
        published = Counter[str]()
        for page in table.outboxes():
            published += self._publish([_decoded(event) for event in page])
        return published

    def _publish(self, events: Sequence[tuple[TimedHead, OutboxEvent]]) -> Counter[str]:
        messages = [OutgoingMessage(head, event.body) for head, event in events if head.time >= self.since]
        if self.sender:
            self.sender.send(messages)
        return Counter(message.head.type for message in messages)


def _decoded(event: OutboxEvent) -> tuple[TimedHead, OutboxEvent]:
    return _decoder.decode(event.body), event
