"""The executor of event handlers and commands: one conditional write commits state, inbox and outbox.

A duplicate finds its event in the inbox and changes nothing. Of two concurrent writes one wins, and the other decides
again on the entity that it then finds. A crash before the write leaves nothing, and a crash after it everything.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tidings.core.clock import Clock, now
from tidings.core.contract import Announcement
from tidings.core.decisions import (
    ConditionFailed,
    Decision,
    Increment,
    Perform,
    Reject,
    Reserve,
    Save,
    Skip,
    sum_increments,
)
from tidings.core.entity import (
    RESERVED,
    Entity,
    InProgress,
    MessageMetadata,
    StoredEntity,
    advance,
    mark_handled,
    mark_in_progress,
)
from tidings.core.errors import ContentionError, PermanentError, RetryableError, UntriedError, described
from tidings.core.event import Event, without_personal
from tidings.core.ports import (
    MAX_ACTIONS,
    ConditionFailedError,
    EntityWrite,
    Table,
    TransactionConflictError,
    VersionConflictError,
)
from tidings.core.service import EventHandler, Service
from tidings.core.strategy import Projection
from tidings.handling.projection import projection_increments
from tidings.handling.retries import MAX_ATTEMPTS, jittered_pause

S = TypeVar("S")
Command = Callable[[Entity[S]], Decision[S]]
"""Decides on an entity: a command, or an event handler with its event."""

Handle = Callable[[Event[Any], int], object]
"""Handles one event; the second argument is the deadline in milliseconds since 1970."""


class EventExecutor(Protocol):
    """The executor of one strategy, for the events of a batch."""

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Take a batch's events before the first of them is handled."""

    def open_entity(self, key: str) -> Handle:
        """Return the function that handles one entity's events, one after another."""


@dataclass(frozen=True)
class Execution(Generic[S]):
    """The outcome of an execution.

    Attributes:
        entity: The entity as it is now.
        changed: Whether this execution wrote it.
        rejection: Why a command was refused, if it was.
    """

    entity: Entity[S]
    changed: bool
    rejection: Reject | None = None


@dataclass(frozen=True)
class HandlerExecutor(Generic[S]):
    """The executor of a service's handlers and commands, each entity by itself.

    Attributes:
        service: The service.
        table: Its table.
        port: The port through which its effects are performed.
        clock: The current time.
        pause: Waits before a failed write is repeated, given the number of attempts.
        new_token: Returns the token of an in-progress record.
        choose: Chooses a projection's shard, from 0 up to a number.
    """

    service: Service[S]
    table: Table
    port: Any = None
    clock: Clock = now
    pause: Callable[[int], None] = jittered_pause
    new_token: Callable[[], str] = lambda: uuid.uuid4().hex[:12]
    choose: Callable[[int], int] = random.randrange

    def entity(self, key: str, shard: int | None = None) -> "UnitOfWork[S]":
        """Return the unit of work for one entity.

        Args:
            key: The entity's key.
            shard: The shard in which a projection counts the entity's changes; a random one by default.

        Raises:
            ValueError: If the key is empty or reserved.
        """
        if not key or key.startswith(RESERVED):
            raise ValueError(f"{key!r} is not the key of an entity")
        return UnitOfWork(self, key, self.choose_shard() if shard is None else shard)

    def choose_shard(self) -> int:
        """Choose a shard at random, so that concurrent consumers seldom increment the same rows."""
        strategy = self.service.strategy
        return self.choose(strategy.shards) if isinstance(strategy, Projection) and strategy.shards > 1 else 0

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        """Do nothing: each event is committed by itself."""

    def open_entity(self, key: str) -> Handle:
        """Return the function that handles one entity's events, one after another."""
        return self.entity(key).handle


@dataclass(frozen=True, eq=False)
class Proposal(Generic[S]):
    """One write for the next events of an entity. It has not been committed yet."""

    unit: "UnitOfWork[S]"
    events: Sequence[Event[Any]]
    entity: Entity[S]
    write: EntityWrite
    increments: tuple[Increment, ...]


class UnitOfWork(Generic[S]):
    """One entity, kept between events so that only the first of a batch reads it."""

    def __init__(self, executor: HandlerExecutor[S], key: str, shard: int) -> None:
        self._executor = executor
        self._service = executor.service
        self._key = key
        self._shard = shard
        self._entity: Entity[S] | None = None
        self._condition_failed: ConditionFailed | None = None
        self._own: dict[str, InProgress] = {}
        self._erasures = {contract.__name__ for contract in executor.service.erased_by}

    def read(self) -> Entity[S]:
        """Return the entity as it is; version 0 if it is not stored."""
        if self._entity is None:
            self._entity = self._stored()
        return self._entity

    def handle(self, event: Event[Any], deadline: int) -> Execution[S]:
        """Execute the service's handler of an event.

        Args:
            event: The event. Its subject is this entity's key.
            deadline: When this process must have ended, in milliseconds since 1970. Until then no other delivery
                performs an effect that this one reserved.

        Raises:
            RetryableError: If the event must be delivered again. Any error of a port means the same.
            PermanentError: If the event can never be handled.
        """
        if event.type in self._erasures:
            return self._erase(event)
        handler = self._service.handler_of(event.type)
        command = self._with_known_failure(lambda entity: handler.decide(entity, admitted(handler, entity, event)))
        execution = self._execute(command, MessageMetadata.of(event), handler.creates, deadline)
        if rejection := execution.rejection:
            raise PermanentError("rejected", f"{rejection.code}: {rejection.detail}", event)
        return execution

    def execute(self, command: Command[S], metadata: MessageMetadata, *, creates: bool = False) -> Execution[S]:
        """Execute a command.

        Args:
            command: Decides on the entity. It is called again if another writer was first.
            metadata: The command's metadata.
            creates: Whether the entity is most likely new, so that it is not read first.

        Raises:
            ContentionError: If other writers were first on every attempt.
        """
        return self._execute(command, metadata, creates, deadline=0)

    def _erase(self, event: Event[Any]) -> Execution[S]:
        """Erase the personal data of the entity, by one conditional write.

        Raises:
            ContentionError: If other writers were first on every attempt.
        """
        self._entity = None
        key = MessageMetadata.of(event).inbox_key or ""
        stored = self._executor.table.read([self._key]).get(self._key)
        for attempt in range(MAX_ATTEMPTS):
            if stored and key in stored.inbox:
                return Execution(self._decode(stored), changed=False)
            erased = self._service.codec.erase(stored, self._key, key)
            entity = self._service.codec.decode(erased)
            if entity.state is not None:
                erased = msgspec.structs.replace(erased, attributes=self._service.index_attributes(entity))
            try:
                self._executor.table.commit([EntityWrite(erased, stored.version if stored else 0)])
            except VersionConflictError as conflict:
                stored = conflict.found[self._key]
            except TransactionConflictError:
                self._executor.pause(attempt)
            else:
                self._entity = entity
                return Execution(entity, changed=True)
        raise ContentionError(f"{self._key} was not erased in {MAX_ATTEMPTS} attempts")

    # Proposals, which a batch executor commits together

    def propose(self, events: Sequence[Event[Any]]) -> Proposal[S] | None:
        """Return one write for the entity's next events, if it increments other items. Write nothing.

        It covers the events up to the first that is not decided by a `Save`. A save that can be decided otherwise is
        the only one of its proposal.
        """
        found = self._known(events[0])
        if found is None or found.in_progress:
            return None
        entity, increments, announces = found, list[Increment](), False
        for event in events:
            metadata = MessageMetadata.of(event)
            if metadata.inbox_key in entity.inbox:
                continue
            if event.type in self._erasures:
                break
            handler = self._service.handler_of(event.type)
            decision = handler.decide(entity, admitted(handler, entity, event))
            if not isinstance(decision, Save) or (decision.otherwise and entity is not found):
                break
            entity = self._saved(entity, decision, metadata)
            increments += decision.increments
            announces = announces or bool(decision.announce)
            if decision.otherwise:
                break
        entity = replace(entity, version=found.version + 1)
        summed = self._increments(found, entity, increments)
        if not 0 < len(summed) < MAX_ACTIONS:
            return None
        return Proposal(self, events, entity, EntityWrite(self._encode(entity, announces), found.version), summed)

    def _known(self, event: Event[Any]) -> Entity[S] | None:
        """Return the entity if it was read before, or if the event creates it."""
        return self._entity or (Entity(self._key) if self._service.creates(event.type) else None)

    def accept(self, entity: Entity[S]) -> None:
        """Take note that the proposal was written."""
        self._entity = entity

    def load(self, stored: StoredEntity | None) -> None:
        """Take note of the entity that was found in the table."""
        self._entity = self._decode(stored)

    def fail_condition(self, failed: ConditionFailed) -> None:
        """Take note that the proposal's condition failed. The next event is decided on that."""
        self._condition_failed = failed

    def _with_known_failure(self, command: Command[S]) -> Command[S]:
        failed, self._condition_failed = self._condition_failed, None
        if failed is None:
            return command

        def decide(entity: Entity[S]) -> Decision[S]:
            decision = command(entity)
            if isinstance(decision, Save) and decision.increments and decision.otherwise:
                return decision.otherwise(entity, failed)
            return decision

        return decide

    # The loop

    def _execute(self, command: Command[S], metadata: MessageMetadata, creates: bool, deadline: int) -> Execution[S]:
        assumed = self._entity is None and creates
        # It is forgotten if this fails, because then it is unknown what was written.
        entity, self._entity = Entity(self._key) if assumed else self.read(), None
        execution = self._run(entity, command, metadata, deadline, assumed)
        self._entity = execution.entity
        return execution

    def _run(
        self, entity: Entity[S], command: Command[S], metadata: MessageMetadata, deadline: int, assumed: bool
    ) -> Execution[S]:
        # A further try in this invocation owns the record of the first: the first one's call has returned.
        own = self._own.get(metadata.inbox_key or "") or InProgress("", deadline)
        changed = performed = False
        last: Exception | None = None
        for attempt in range(MAX_ATTEMPTS):
            self._yield_to_other_delivery(entity, metadata, own)
            decision = Skip() if metadata.inbox_key in entity.inbox else command(entity)
            if isinstance(decision, Skip | Reject):
                if not assumed:
                    return Execution(entity, changed, decision if isinstance(decision, Reject) else None)
                # No write would find out that the entity exists after all.
                entity, assumed = self._stored(), False
                continue
            assumed = False
            if isinstance(decision, Perform):
                command = _continued(decision, decision.effect.perform(self._executor.port))
                continue
            if isinstance(decision, Reserve) and not own.token:
                own = self._own[metadata.inbox_key or ""] = InProgress(self._executor.new_token(), deadline)
            try:
                entity = self._write(entity, decision, metadata, own)
            except Exception as error:  # noqa: BLE001 - it is raised again unless the decision may be repeated
                entity, command = self._recover(error, entity, command, decision, attempt, performed)
                last = error
                continue
            changed = True
            if isinstance(decision, Save):
                return Execution(entity, changed)
            command = _continued(decision, self._perform_reserved(decision, own))
            performed = not decision.repeatable
        raise ContentionError(f"{self._key} was not written in {MAX_ATTEMPTS} attempts") from last

    def _recover(
        self,
        error: Exception,
        entity: Entity[S],
        command: Command[S],
        decision: Save[S] | Reserve[S],
        attempt: int,
        performed: bool,
    ) -> tuple[Entity[S], Command[S]]:
        """Return the entity and the command to go on with after a failed write, or raise its error."""
        if isinstance(error, VersionConflictError):
            return self._decode(error.found[self._key]), command
        if isinstance(error, ConditionFailedError):
            return entity, self._otherwise(decision, error)
        # If an effect that cannot be repeated was performed, it must be recorded in spite of a failed write.
        repeats = performed and not isinstance(error, PermanentError)
        if not (repeats or isinstance(error, TransactionConflictError)):
            raise error
        self._executor.pause(attempt)
        return entity, command

    def _perform_reserved(self, reserved: Reserve[S], own: InProgress) -> Any:
        try:
            return reserved.effect.perform(self._executor.port)
        except Exception as error:
            if reserved.repeatable or isinstance(error, PermanentError):
                raise
            # No other delivery may begin before the record expires. Another try of this one may.
            remaining = (own.expires - self._executor.clock()) / 1000
            after = error.after if isinstance(error, RetryableError) else 0
            raise RetryableError(described(error), after=after, reserved=remaining) from error

    def _yield_to_other_delivery(self, entity: Entity[S], metadata: MessageMetadata, own: InProgress) -> None:
        """Raise `UntriedError` while another delivery of the same event holds an unexpired in-progress record."""
        record = entity.in_progress.get(metadata.inbox_key or "")
        remaining = record.expires - self._executor.clock() if record and record.token != own.token else 0
        if remaining > 0:
            raise UntriedError(f"another delivery of {metadata.inbox_key} is in progress", after=remaining / 1000)

    def _otherwise(self, decision: Save[S] | Reserve[S], error: ConditionFailedError) -> Command[S]:
        otherwise = decision.otherwise if isinstance(decision, Save) else None
        if otherwise is None:
            raise RetryableError(f"{self._key}: {error}") from error
        return lambda entity: otherwise(entity, error.failed)

    def _write(
        self, entity: Entity[S], decision: Save[S] | Reserve[S], metadata: MessageMetadata, own: InProgress
    ) -> Entity[S]:
        if isinstance(decision, Save):
            new, increments = self._saved(entity, decision, metadata), decision.increments
        else:
            new, increments = self._advanced(entity, decision, metadata), ()
            if not decision.repeatable:
                new = mark_in_progress(new, metadata, own)
        stored = self._encode(new, announces=bool(decision.announce))
        summed = self._increments(entity, new, increments)
        if len(summed) >= MAX_ACTIONS:
            raise PermanentError("too-large", f"{self._key}: {len(summed)} increments do not fit into a transaction")
        try:
            self._executor.table.commit([EntityWrite(stored, entity.version)], summed)
        except VersionConflictError as conflict:
            # The client's own retry may find the first request's write, whose answer was lost.
            if conflict.found[self._key] != stored:
                raise
        return new

    def _saved(self, entity: Entity[S], decision: Save[S], metadata: MessageMetadata) -> Entity[S]:
        return mark_handled(self._advanced(entity, decision, metadata), metadata)

    def _advanced(self, entity: Entity[S], decision: Save[S] | Reserve[S], metadata: MessageMetadata) -> Entity[S]:
        for each in decision.announce:
            contract = type(each.data if isinstance(each, Announcement) else each)
            if contract not in self._service.announces:
                raise TypeError(f"{self._service.name} does not declare that it announces {contract.__name__}")
        now = self._executor.clock()
        return advance(entity, self._service.name, decision.state, decision.announce, metadata, now)

    def _increments(
        self, before: Entity[S], after: Entity[S], increments: Sequence[Increment]
    ) -> tuple[Increment, ...]:
        if not self._service.expires and any(increment.expires is not None for increment in increments):
            raise TypeError(f"{self._service.name} does not declare that items of its table expire")
        strategy = self._service.strategy
        projected: tuple[Increment, ...] = ()
        if isinstance(strategy, Projection):
            projected = projection_increments(strategy, before.state, after.state, self._shard)
        return sum_increments((*increments, *projected))

    def _encode(self, entity: Entity[S], announces: bool) -> StoredEntity:
        attributes = self._service.index_attributes(entity)
        return self._service.codec.encode(entity, announces=announces, attributes=attributes)

    def _stored(self) -> Entity[S]:
        return self._decode(self._executor.table.read([self._key]).get(self._key))

    def _decode(self, stored: StoredEntity | None) -> Entity[S]:
        return self._service.codec.decode(stored) if stored else Entity(self._key)


def admitted(handler: EventHandler[S], entity: Entity[S], event: Event[Any]) -> Event[Any]:
    """Return an event as a handler may see it: with personal data only if it reads that, and it was not erased."""
    return event if handler.reads_personal and not entity.erased else without_personal(event)


def _continued(decision: Perform[S] | Reserve[S], result: Any) -> Command[S]:
    return lambda entity: decision.then(entity, result)
