"""Republishing: publishes the events in outboxes again, under the same ids, for what a relay gave up or refused.

Nothing is lost when a relay gives up, because each entity's outbox keeps all events that its service announced.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from tidings.core.entity import EventHead, OutboxEvent
from tidings.messaging.relay import refusal_of
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
        refused: The events that no relay would publish either, and those that the topic will never accept: the event's
            id, or the service if it has none, and the reason. They hold up no other.
    """

    sender: Sender | None
    since: str = ""
    refused: list[tuple[str, str]] = field(default_factory=list)

    def republish_entity(self, tables: Mapping[str, OutboxTable], key: str) -> Counter[str]:
        """Publish an entity's events of several services, sorted by (time, id). Return their number by type.

        Args:
            tables: The tables by service.
            key: The entity's key.
        """
        found = [
            event for service, table in tables.items() for event in self._publishable(service, table.entity_outbox(key))
        ]
        return self._publish(sorted(found, key=lambda event: (event[0].time, event[0].id)))

    def republish_table(self, service: str, table: OutboxTable) -> Counter[str]:
        """Publish the events of a service's whole table, each entity's in sequence. Return their number by type."""
        published = Counter[str]()
        for page in table.outboxes():
            published += self.republish(service, page)
        return published

    def republish(self, service: str, events: Sequence[OutboxEvent]) -> Counter[str]:
        """Publish events of a service, those of each entity in sequence. Return their number by type."""
        return self._publish(list(self._publishable(service, events)))

    def _publishable(self, service: str, events: Sequence[OutboxEvent]) -> Iterator[tuple[TimedHead, OutboxEvent]]:
        for event in events:
            head = None
            with suppress(ValueError, RecursionError):
                head = _decoder.decode(event.body)
            if head and head.time < self.since:
                continue
            if refusal := refusal_of(event, service):
                self.refused.append((head.id if head else f"an event of {service}", ": ".join(refusal)))
            elif head:
                yield head, event

    def _publish(self, events: Sequence[tuple[TimedHead, OutboxEvent]]) -> Counter[str]:
        messages = [OutgoingMessage(head, event.body) for head, event in events]
        refused = self.sender.send(messages) if self.sender else {}
        self.refused.extend((message.head.id, reason) for message, reason in refused.items())
        return Counter(message.head.type for message in messages if message not in refused)
