"""Given, when, then: tests of a service through its real executor and consumer, over ports in memory."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from msgspec import UNSET, UnsetType

from tidings.core.clock import to_rfc3339
from tidings.core.contract import Announcement, Contract, ContractRegistry
from tidings.core.decisions import Numbers, Reject
from tidings.core.entity import Entity, MessageMetadata, OutboxEvent
from tidings.core.errors import NewerReleaseError, PermanentError
from tidings.core.event import Event, encode, read_personal
from tidings.core.ports import DeadLetter
from tidings.core.service import Service
from tidings.core.strategy import CounterKey
from tidings.handling.executor import Command, EventExecutor, Execution, Handle, HandlerExecutor
from tidings.handling.retries import RetryPolicy
from tidings.messaging.assembly import Receive, executor_of, parser_of
from tidings.messaging.consumer import Consumer, Parse, parse_typed
from tidings.testing.clock import VirtualClock
from tidings.testing.making import CORRELATION_ID, TRACEPARENT, make_record
from tidings.testing.ports import MemoryQueue, MemoryTable
from tidings.testing.threads import InlineExecutor

S = TypeVar("S")

FUNCTION_SECONDS = 30
"""The time that a delivery has, in seconds. An effect that it reserved is not repeated before that."""

POLICY = RetryPolicy(receives=5, age=0, wait=3600, backoff=1)
"""The policy of every scenario. A message that fails at its fifth delivery is given up, whatever its age."""


@dataclass(frozen=True)
class Execute(Generic[S]):
    """A command as a step of a scenario.

    Attributes:
        key: The entity's key.
        command: Decides on the entity.
        creates: Whether the entity is most likely new, so that it is not read first.
    """

    key: str
    command: Command[S]
    creates: bool = False


class Scenario(Generic[S]):
    """A service over ports in memory, after the steps given so far.

    Attributes:
        service: The service.
        port: The port through which its effects are performed.
        table: Its table.
        queue: Its queue, with its dead letters.
        clock: The clock of every delivery. An event that is later moves it, unless it is delivered as text.
        pauses: The attempts after which a write was repeated, one entry a pause.
    """

    def __init__(
        self, service: Service[S], *, port: Any = None, parse: Parse | None = None, receive: Receive | None = None
    ) -> None:
        """Create a scenario in which nothing has happened; see `given`."""
        self.service = service
        self.port = port
        self.table = MemoryTable()
        self.queue = MemoryQueue()
        self.clock = VirtualClock()
        self.pauses: list[int] = []
        self._parse = parse or _parser_of(service)
        self._receive = receive
        self._shards = 0

    @property
    def executor(self) -> HandlerExecutor[S]:
        """A new executor of the service's handlers and commands."""
        return HandlerExecutor(
            self.service, self.table, self.port, self.clock, self.pauses.append, choose=self._choose_shard
        )

    def given(self, *steps: "Event[Any] | Execute[S] | Entity[S]") -> "Scenario[S]":
        """Let events and commands happen, each by itself, and store entities.

        Raises:
            AssertionError: If an event fails, or a command is rejected.
        """
        for step in steps:
            if isinstance(step, Entity):
                self.store(step)
            else:
                self.when(step).then()
        return self

    def when(self, *steps: "Event[Any] | Execute[S]") -> "Outcome[S]":
        """Let events and commands happen, each by itself: a process handles it that knows no other."""
        return self._observe([[step] for step in steps])

    def when_batch(self, *messages: Event[Any] | str, receives: int = 1, age: int = 0) -> "Outcome[S]":
        """Deliver messages in one batch.

        Args:
            messages: The events, or the texts of messages that may be no events.
            receives: Number of deliveries of each message, including this one. At the fifth, a message that fails three
                times is given up.
            age: Seconds since each message was sent and first delivered. From an hour on, a message is given up that
                can only wait.
        """
        return self._observe([messages], receives, age)

    def store(self, entity: Entity[S]) -> None:
        """Store an entity unconditionally."""
        attributes = self.service.index_attributes(entity)
        self.table.put(self.service.codec.encode(entity, announces=bool(entity.outbox), attributes=attributes))

    def entity(self, key: str) -> Entity[S]:
        """Return an entity; version 0 if it is not stored."""
        stored = self.table.entities.get(key)
        return self.service.codec.decode(stored) if stored else Entity(key)

    def state(self, key: str) -> S | None:
        """Return an entity's state; None if it is not stored."""
        return self.entity(key).state

    def announced(self, key: str) -> list[Contract]:
        """Return the data of the events that an entity has announced, oldest first.

        Raises:
            PermanentError: If an event breaks its contract.
        """
        registry = ContractRegistry(self.service.announces)
        return [registry.decode(event.envelope).data for event in self.entity(key).outbox]

    def _observe(
        self, deliveries: "Sequence[Sequence[Event[Any] | str | Execute[S]]]", receives: int = 1, age: int = 0
    ) -> "Outcome[S]":
        announced = {key: len(entity.outbox) for key, entity in self.table.entities.items()}
        commits = len(self.table.commits)
        letters = len(self.queue.dead_letters)
        errors: dict[str, Exception] = {}
        rejection = None
        for delivery in deliveries:
            match delivery:
                case [Execute() as step]:
                    rejection = self._execute(step).rejection or rejection
                case messages:
                    self._deliver([each for each in messages if not isinstance(each, Execute)], errors, receives, age)
        writes = [write for commit, _ in self.table.commits[commits:] for write in commit]
        events = []
        registry = ContractRegistry(self.service.announces)
        for write in writes:
            outbox = [OutboxEvent(body) for body in write.entity.outbox]
            events += [registry.decode(event.envelope) for event in outbox[announced.get(write.key, 0) :]]
            announced[write.key] = len(outbox)
        return Outcome(
            scenario=self,
            key=_key(deliveries[-1][-1]),
            events=tuple(events),
            writes=len(writes),
            errors=errors,
            dead_letters=tuple(self.queue.dead_letters[letters:]),
            rejection=rejection,
        )

    def _execute(self, step: Execute[S]) -> Execution[S]:
        metadata = MessageMetadata(CORRELATION_ID, TRACEPARENT, self.clock())
        return self.executor.entity(step.key).execute(step.command, metadata, creates=step.creates)

    def _deliver(
        self, messages: Sequence[Event[Any] | str], errors: dict[str, Exception], receives: int, age: int
    ) -> None:
        def parse(body: str) -> Event[Any]:
            try:
                return self._parse(body)
            except Exception as error:
                event = error.event if isinstance(error, PermanentError | NewerReleaseError) else None
                errors[event.id if event else body] = error
                raise

        consumer = Consumer(
            queue=self.queue,
            kind=self.service.queue,
            parse=parse,
            executor=_ObservedExecutor(self._executor(), errors),
            threads=InlineExecutor(),
            policy=POLICY,
            randomness=lambda: 1.0,
            clock=self.clock,
            sleep=self._sleep,
        )
        # No event comes from the future.
        self.clock.now = max([self.clock(), *(each.millis for each in messages if isinstance(each, Event))])
        sent = to_rfc3339(self.clock() - age * 1000)
        records = [_record(message, receives, sent) for message in messages]
        consumer.handle(records, self.clock() + FUNCTION_SECONDS * 1000)

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(milliseconds=math.ceil(seconds * 1000))

    def _executor(self) -> EventExecutor:
        return executor_of(
            self.service, handlers=lambda: self.executor, receive=self._receive, threads=InlineExecutor()
        )

    def _choose_shard(self, shards: int) -> int:
        self._shards += 1
        return self._shards % shards


def given(
    service: Service[S],
    *steps: Event[Any] | Execute[S] | Entity[S],
    port: Any = None,
    numbers: Mapping[str, Numbers] | None = None,
    parse: Parse | None = None,
    receive: Receive | None = None,
) -> Scenario[S]:
    """Return a scenario in which these steps have happened.

    Args:
        service: The service.
        steps: Events that it has handled, commands that it has executed, and entities that it has stored.
        port: The port through which its effects are performed.
        numbers: The numbers of items that are not entities, by `reserved_key`.
        parse: Parses the queue's messages, if they are not only events of the service's contracts.
        receive: Receives one event, if the service is a log or an observer.

    Raises:
        AssertionError: If an event fails, or a command is rejected.

    Example:
        ```python
        given(assignment, opened).when(closed).then(state=Ticket("closed"), announced=[TicketClosed()])
        ```
    """
    scenario = Scenario(service, port=port, parse=parse, receive=receive)
    for key, values in (numbers or {}).items():
        scenario.table.put_numbers(key, values)
    return scenario.given(*steps)


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """The outcome of the steps of a `when`.

    Attributes:
        scenario: The scenario after the steps.
        key: The key of the last step's entity.
        events: The events that the steps announced, oldest first.
        writes: Number of entity writes.
        errors: The error of each message that failed, by the event's id, or by the text of a message that is no event.
        dead_letters: The dead letters, oldest first.
        rejection: The last refusal of a command, if one was refused.
    """

    scenario: Scenario[S]
    key: str
    events: tuple[Event[Contract], ...]
    writes: int
    errors: Mapping[str, Exception]
    dead_letters: tuple[DeadLetter, ...]
    rejection: Reject | None

    @property
    def entity(self) -> Entity[S]:
        """The last step's entity."""
        return self.scenario.entity(self.key)

    @property
    def state(self) -> S | None:
        """The state of the last step's entity; None if it is not stored."""
        return self.entity.state

    @property
    def announced(self) -> list[Contract]:
        """The data of the events that the steps announced."""
        return [event.data for event in self.events]

    def then(
        self,
        *,
        state: S | UnsetType | None = UNSET,
        announced: Sequence[Contract | Announcement] | UnsetType = UNSET,
        writes: int | UnsetType = UNSET,
        numbers: Mapping[str, Numbers] | None = None,
        counters: Mapping[CounterKey, int] | UnsetType = UNSET,
        failed: Collection[str] = (),
    ) -> Scenario[S]:
        """Compare the outcome with what is expected. An expectation that is not named is not compared.

        Args:
            state: The state of the last step's entity; None if it is not stored.
            announced: The events that the steps announced, oldest first: the data, or an `Announcement` to compare the
                personal data too.
            writes: Number of entity writes.
            numbers: All numbers of these items, by key.
            counters: All counters that are not 0.
            failed: The ids of exactly those events that failed.

        Returns:
            The scenario, which can go on.

        Raises:
            AssertionError: If something differs, a command was rejected, or another event failed.
        """
        for event, error in self.errors.items():
            if event not in failed:
                raise AssertionError(f"{event} failed: {type(error).__name__}: {error}") from error
        _require_equal("the failed events", sorted(self.errors), sorted(failed))
        if self.rejection:
            raise AssertionError(f"the command was rejected: {self.rejection.code}: {self.rejection.detail}")
        self._compare(f"the state of {self.key}", self.state, state)
        if not isinstance(announced, UnsetType):
            _require_equal("the announced events", self._described(announced), list(announced))
        self._compare("the number of writes", self.writes, writes)
        for key, expected in (numbers or {}).items():
            self._compare(f"the numbers of {key}", self.scenario.table.numbers(key), expected)
        self._compare("the counters", self.scenario.table.counters(), counters)
        return self.scenario

    def then_fails(self, error: type[Exception], match: str = "") -> Scenario[S]:
        """Require that every event of the steps failed with this error.

        Args:
            error: The error's type.
            match: A part of the error's text, or a `PermanentError`'s reason.

        Raises:
            AssertionError: If no event failed, or one failed otherwise.
        """
        if not self.errors:
            raise AssertionError(f"no event failed, but {error.__name__} was expected")
        for event, found in self.errors.items():
            texts = (str(found), getattr(found, "reason", ""))
            if not isinstance(found, error) or not any(match in text for text in texts):
                text = f"{error.__name__}: {match}" if match else error.__name__
                found_text = f"{type(found).__name__}: {found}"
                raise AssertionError(f"{event} failed with {found_text}, but {text} was expected") from found
        return self.scenario

    def then_rejected(self, code: str) -> Scenario[S]:
        """Require that a command was rejected with this code, and that nothing was written.

        Raises:
            AssertionError: If none was rejected, or with another code.
        """
        _require_equal("the rejection", self.rejection.code if self.rejection else None, code)
        _require_equal("the number of writes", self.writes, 0)
        return self.scenario

    def _described(self, expected: Sequence[Contract | Announcement]) -> list[Contract | Announcement]:
        """Return the announced events, each as it is expected, with its personal data or without."""
        described: list[Contract | Announcement] = []
        for event, other in zip_longest(self.events, expected):
            if event is None:
                break
            kind = type(other.personal) if isinstance(other, Announcement) else None
            personal = read_personal(event, kind) if kind else None
            described.append(Announcement(event.data, personal) if personal else event.data)
        return described

    @staticmethod
    def _compare(subject: str, found: Any, expected: Any) -> None:
        if expected is not UNSET:
            _require_equal(subject, found, expected)


@dataclass(frozen=True)
class _ObservedExecutor:
    """An executor whose errors are kept, because the consumer only reports which messages failed."""

    executor: EventExecutor
    errors: dict[str, Exception]

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        self.executor.prepare(events)

    def open_entity(self, key: str) -> Handle:
        handle = self.executor.open_entity(key)

        def observed(event: Event[Any], deadline: int) -> None:
            try:
                handle(event, deadline)
            except Exception as error:
                self.errors[event.id] = error
                raise
            # A further try within the delivery may succeed.
            self.errors.pop(event.id, None)

        return observed


def _key(step: Event[Any] | str | Execute[Any]) -> str:
    """Return the key of a step's entity. A text that is no event has none."""
    match step:
        case Execute():
            return step.key
        case Event():
            return step.subject
    return step


def _record(message: Event[Any] | str, receives: int, sent: str) -> dict[str, Any]:
    if isinstance(message, str):
        return make_record(message, message_id=message, receives=receives, group=message, sent=sent)
    return make_record(encode(message), message_id=message.id, receives=receives, group=message.subject, sent=sent)


def _parser_of(service: Service[Any]) -> Parse:
    if service.subscribes_to_all:
        return parser_of(service)
    external = (handler.contract for handler in service.external_handlers)
    return parse_typed((*service.contracts, *external))


def _require_equal(subject: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(
            f"{subject}:\n  found     {found!r}\n  expected  {expected!r}{_difference(found, expected)}"
        )


def _difference(found: object, expected: object) -> str:
    """Return the fields in which two structs or dataclasses of one type differ, one a line."""
    fields = _fields(found)
    if type(found) is not type(expected) or not fields:
        return ""
    differing = (name for name in fields if getattr(found, name) != getattr(expected, name))
    return "".join(
        f"\n  {name}: found {getattr(found, name)!r}, expected {getattr(expected, name)!r}" for name in differing
    )


def _fields(value: object) -> tuple[str, ...]:
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    names: tuple[str, ...] = getattr(value, "__struct_fields__", ())
    return names
