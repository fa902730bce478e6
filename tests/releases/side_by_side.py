"""Two releases side by side: their processes share tables, streams, the topic and queues, in virtual time."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec

from tests.releases import first
from tests.simulation.clock import HOUR, MINUTE, SECOND
from tests.simulation.ports.queue import ConsumerQueue, FifoQueue, SimulatedQueue, StandardQueue, StoredMessage
from tests.simulation.ports.stream import MemoryStream
from tests.simulation.ports.topic import FifoTopic
from tidings.core.decisions import Decision, Numbers
from tidings.core.entity import Entity, MessageMetadata, StoredEntity
from tidings.core.service import Service
from tidings.handling.executor import HandlerExecutor
from tidings.handling.retries import RetryPolicy
from tidings.messaging.assembly import parser_of
from tidings.messaging.consumer import Consumer
from tidings.messaging.relay import Relay
from tidings.testing import (
    CORRELATION_ID,
    TRACEPARENT,
    InlineExecutor,
    MemoryRelayDeadLetterQueue,
    MemoryTable,
    VirtualClock,
)

TICKETS = 12
TIMEOUT = 20 * SECOND
POLICY = RetryPolicy(receives=3, age=180, wait=12 * HOUR / SECOND, backoff=5)


class Release(Protocol):
    """The code of one release of the example."""

    desk: Service[first.Ticket]
    assignment: Service[Any]
    open_ticket: Callable[[Entity[first.Ticket], str], Decision[first.Ticket]]


class SideBySide:
    """Tables, a topic and queues that several releases use.

    Attributes:
        tables: The table of each service.
        queues: The queue of each service.
        topic: The topic.
        lost: The keys of the entities of which a write dropped a field that another one had written.
        waited: Number of times that a message was put back to wait, or a command could not be executed.
    """

    def __init__(self, seed: int, *releases: Any) -> None:
        self.choices = random.Random(seed)  # noqa: S311 - not for secrecy
        self.clock = VirtualClock()
        self.topic = FifoTopic(self.clock, lambda: self.choices.choice((0, 0, 5 * SECOND)))
        self.lost: list[str] = []
        self.waited = 0
        self.queues: dict[str, SimulatedQueue] = {}
        self.streams: dict[str, MemoryStream] = {}
        self.tables: dict[str, MemoryTable] = {}
        self.running: list[Release] = list(releases)
        self._opened: list[str] = []
        self._closed: list[str] = []
        for name, kind in (("desk", FifoQueue), ("assignment", StandardQueue)):
            queue = self.queues[name] = kind(
                self.clock, visibility=TIMEOUT, max_receives=1000, dlq=kind(self.clock), choose=self.choices.randrange
            )
            services: list[Service[Any]] = [getattr(release, name) for release in releases]
            types = {contract.__name__ for service in services for contract in service.contracts}
            self.topic.subscribe(queue, types)
            self.streams[name] = MemoryStream()
            self.tables[name] = MemoryTable(self.streams[name], self._watch)

    @property
    def dead_letters(self) -> list[StoredMessage]:
        """The messages in all dead-letter queues."""
        return [message for queue in self.queues.values() if queue.dlq for message in queue.dlq.messages()]

    @property
    def is_quiet(self) -> bool:
        """True if nothing is left to relay or to consume."""
        relayed = all(not lane for stream in self.streams.values() for lane in stream.lanes)
        return relayed and all(queue.is_empty() for queue in self.queues.values())

    def work(self, steps: int) -> None:
        """Let the running releases do something, a number of times."""
        for _ in range(steps):
            self._step(self.choices.choice(self.running))

    def drain(self, time: int = 24 * HOUR) -> None:
        """Let the running releases do all that is left, or as much as they can within a time."""
        end = self.clock.now + time
        while not self.is_quiet and self.clock.now < end:
            for release in self.running:
                for name in self.queues:
                    self._relay(getattr(release, name))
                    self._consume(getattr(release, name))
            self.clock.advance(seconds=MINUTE // SECOND)

    # One step

    def _step(self, release: Release) -> None:
        name = self.choices.choice(list(self.queues))
        service = getattr(release, name)
        act = self.choices.choice(
            [
                partial(self._open, release),
                partial(self._close, release),
                partial(self._relay, service),
                partial(self._consume, service),
                partial(self._consume, service),
                partial(self.clock.advance, seconds=self.choices.choice((1, 10, 60))),
            ]
        )
        act()

    def _open(self, release: Release) -> None:
        if len(self._opened) < TICKETS:
            key = f"ticket-{len(self._opened)}"
            self._execute(release, key, lambda entity: release.open_ticket(entity, key))
            self._opened.append(key)

    def _close(self, release: Release) -> None:
        if left := [key for key in self._opened if key not in self._closed]:
            key = self.choices.choice(left)
            self._execute(release, key, first.close_ticket)
            self._closed.append(key)

    def _execute(self, release: Release, key: str, command: Callable[[Entity[Any]], Decision[Any]]) -> None:
        metadata = MessageMetadata(CORRELATION_ID, TRACEPARENT, self.clock())
        self._executor(release.desk).entity(key).execute(command, metadata)

    def _relay(self, service: Service[Any]) -> None:
        stream = self.streams[service.name]
        relay = Relay(service.name, self.topic, MemoryRelayDeadLetterQueue(), InlineExecutor())
        if batch := stream.take(0, 3):
            stream.checkpoint(0, batch, relay.handle(batch))

    def _consume(self, service: Service[Any]) -> None:
        queue = self.queues[service.name]
        batch = queue.receive(self.choices.choice((1, 3, 10)))
        if not batch:
            return
        consumer = Consumer(
            queue=ConsumerQueue(queue),
            kind=service.queue,
            parse=parser_of(service),
            executor=self._executor(service),
            threads=InlineExecutor(),
            policy=POLICY,
            clock=self.clock,
            randomness=self.choices.random,
            sleep=lambda seconds: self.clock.advance(milliseconds=int(seconds * 1000)),
            count=self._count,
        )
        records = [message.record() for message in batch]
        answer = consumer.handle(records, self.clock() + TIMEOUT)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        if self.choices.random() < 0.1:  # The answer is lost, so every message is delivered again.
            return
        for record in records:
            if record["messageId"] not in failed:
                queue.delete(record["receiptHandle"])

    def _executor(self, service: Service[Any]) -> HandlerExecutor[Any]:
        return HandlerExecutor(service, self.tables[service.name], clock=self.clock, pause=lambda _attempt: None)

    def _count(self, counts: Numbers) -> None:
        self.waited += sum(counts.values())

    def _watch(self, key: str, before: Any, after: Any) -> None:
        """Take note of a field that a write dropped."""
        if not isinstance(before, StoredEntity) or not isinstance(after, StoredEntity):
            return
        old, new = msgspec.json.decode(before.state), msgspec.json.decode(after.state)
        if isinstance(old, dict) and any(old[name] and not new.get(name) for name in old):
            self.lost.append(key)
