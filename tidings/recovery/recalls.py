"""Recall: brings an entity of a restored table to the present, from the event log alone.

A restored table lacks what was written after its snapshot. The log knows two kinds of that: the events that the service
announced, and those that it was sent. A service declares, for each event type that it announces, the state of the
entity after the event. Its handlers decide on all other events.

The log does not say when an input was handled that announced nothing, or whether it was. A recalled entity is correct
if it announced exactly the recorded events in their sequence. So an input is folded only if it is certain to change
nothing except the state. The replay sends all others.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import UNSET

from tidings.core.contract import Contract, ContractRegistry
from tidings.core.decisions import Decision, Effect, Increment, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity, MessageMetadata, OutboxEvent, StoredEntity, inbox_key, mark_handled
from tidings.core.errors import PermanentError
from tidings.core.event import Event, without_personal
from tidings.core.service import Service
from tidings.core.strategy import Projection
from tidings.handling.executor import admitted
from tidings.recovery.errors import RecoveryError
from tidings.recovery.ports import LoggedEvent

S = TypeVar("S")
C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, kw_only=True)
class Recall(Generic[S]):
    """The recall of one event type; see `recall`."""

    contract: type[Contract]
    state_after: Callable[[S | None, Event[Any], Event[Any] | None], S]
    completes: bool = True


def recall(
    contract: type[C], state_after: Callable[[S | None, Event[C], Event[Any] | None], S], *, completes: bool = True
) -> Recall[S]:
    """Declare the state of an entity once it has announced an event.

    Args:
        contract: The event's contract.
        state_after: A pure function of the state before, the announced event, and its cause. The cause is None after a
            command, and after a message that the log does not have.
        completes: Whether the service had done all that the cause demanded when it announced the event. If not, the
            cause is handled again.
    """
    return Recall(contract=contract, state_after=state_after, completes=completes)


class Recalled(NamedTuple):
    """An entity that was recalled.

    Attributes:
        entity: Its next version; None if it lacks nothing.
        effects: What is to be performed again before that is written.
    """

    entity: StoredEntity | None
    effects: tuple[Effect[Any, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recovery(Generic[S]):
    """The declaration of how a service is recovered.

    Attributes:
        service: The service.
        recalls: The recall of each event type that it announces.
        counts: Returns what an entity adds to the service's counters in all, from zero. None if the service has no
            counters, or if those that were restored are right: no entity is recalled that adds to them.
        counted: The names of the counters that each item has which `counts` changes.
        adopt: Asks, given an entity and the events that it may have handled, what the service has done without
            announcing it; None if it can have done nothing. It is asked of entities without an announced event. An
            effect that the answer reserves may be performed any number of times.
        repeat: Returns, given the state before, a recalled event and its cause, an effect on the table's other items
            that is performed again, and that may be performed any number of times; None for no effect.
        derive: Returns, given a recalled entity, another one that each of its events changed as well: its key, and its
            state given the one that it has.
        keys: A regular expression that the whole keys of a further kind of entities match; empty for the service's own.
        kinds: The recoveries of the further kinds of entities in the service's table.

    Raises:
        ValueError: If the service announces an event type without a recall, or has a recall of another type.
    """

    service: Service[S]
    recalls: tuple[Recall[S], ...]
    counts: Callable[[Entity[S]], Iterable[Increment]] | None = None
    counted: frozenset[str] = frozenset()
    adopt: Callable[[Entity[S], Sequence[Event[Any]]], Perform[S] | None] | None = None
    repeat: Callable[[S | None, Event[Any], Event[Any] | None], Effect[Any, Any] | None] | None = None
    derive: Callable[[Entity[S]], tuple[str, Callable[[S | None], S]]] | None = None
    keys: str = ""
    kinds: "tuple[Recovery[Any], ...]" = ()

    def __post_init__(self) -> None:
        declared = [each.contract.__name__ for one in (self, *self.kinds) for each in one.recalls]
        announced = [contract.__name__ for contract in self.service.announces]
        if sorted(declared) != sorted(announced):
            raise ValueError(f"{self.service.name} announces {announced}, and recalls {declared}")
        if isinstance(self.service.strategy, Projection):
            raise ValueError(f"{self.service.name} is a projection, which is rebuilt from the event log")

    def handles(self, event: Event[Any]) -> bool:
        """Return whether an event can concern the service: an event that it announced, or one that it subscribes to."""
        return event.source == self.service.name or event.type in self._types

    def of(self, key: str) -> "Recovery[Any]":
        """Return the recovery of the entity with a key: that of a further kind, or this one."""
        return next((kind for kind in self.kinds if re.fullmatch(kind.keys, key)), self)

    def recover(
        self, stored: StoredEntity | None, key: str, logged: Sequence[LoggedEvent], port: Any = None
    ) -> Recalled:
        """Return an entity's next version with all that the log knows.

        Args:
            stored: The entity in the restored table; None if it has none.
            key: The entity's key.
            logged: All recorded events of the key, of all services.
            port: The port through which the service's effects are performed.

        Raises:
            RecoveryError: If the log lacks one of the service's events. Its id would be used again.
        """
        kind = self.of(key)
        if kind is not self:
            return kind.recover(stored, key, logged, port)
        codec = self.service.codec
        known = set(stored.inbox) if stored else set[str]()
        found = stored
        for each in logged:
            if each.event.type in self._erasures and (name := inbox_key(each.event)) not in known:
                # The log has no personal data of the key any more. Nor may what is appended here.
                found = codec.erase(found, key, name)
                known.add(name)
        before = codec.decode(found) if found else Entity[S](key)
        effects: list[Effect[Any, Any]] = []
        after = self._folded(self._adopted(before, logged, port, effects), logged, effects)
        # After an announced event, an input that had caused it may change the state only. A second run would fold it.
        while (again := self._folded(after, logged, effects)) != after:
            after = again
        if found is stored and after == before:
            return Recalled(None)
        after = replace(after, version=(stored.version if stored else 0) + 1)
        attributes = self.service.index_attributes(after) if after.state is not None else {}
        return Recalled(codec.encode(after, announces=False, attributes=attributes), tuple(effects))

    def derived(self, recalled: StoredEntity, read: Callable[[str], StoredEntity | None]) -> StoredEntity | None:
        """Return the next version of the entity that a recalled one's events changed as well; None if it lacks nothing.

        Args:
            recalled: The recalled entity.
            read: Returns an entity by its key, if it is stored.
        """
        kind = self.of(recalled.key)
        if kind.derive is None:
            return None
        codec = kind.service.codec
        key, state_after = kind.derive(codec.decode(recalled))
        stored = read(key)
        before = codec.decode(stored) if stored else Entity[Any](key)
        state = state_after(before.state)
        if state == before.state:
            return None
        after = replace(before, version=before.version + 1, state=state)
        return codec.encode(after, announces=False, attributes=kind.service.index_attributes(after))

    def _adopted(
        self, entity: Entity[S], logged: Sequence[LoggedEvent], port: Any, effects: list[Effect[Any, Any]]
    ) -> Entity[S]:
        """Return the entity with what the service has done unannounced. Add to `effects` what is to be done again."""
        if self.adopt is None or any(self._is_own(each.event) for each in logged):
            return entity
        inputs = [typed for each in logged if each.event.type in self._types and (typed := self._typed(each.event))]
        asked = self.adopt(entity, inputs)
        if asked is None:
            return entity
        decision = asked.then(entity, asked.effect.perform(port))
        if isinstance(decision, Reserve):
            effects.append(decision.effect)
        return replace(entity, state=decision.state) if isinstance(decision, Save | Reserve) else entity

    # The fold

    def _folded(self, entity: Entity[S], logged: Sequence[LoggedEvent], effects: list[Effect[Any, Any]]) -> Entity[S]:
        """Return the entity after its missing events and the inputs that are certain to change the state only.

        Add to `effects` those that are to be performed again.
        """
        own = self._missing(entity, logged)
        causes = {each.event.causationid for each in own if self._by_type[each.event.type].completes}
        inputs = [
            typed
            for each in logged
            if each.event.type in self._types - self._erasures
            and inbox_key(each.event) not in entity.inbox
            and each.event.id not in causes
            and (typed := self._typed(each.event))
        ]
        by_id = {each.event.id: each.event for each in logged}
        rest = [_Announced(self._by_type[each.event.type], each, self._cause(each, by_id)) for each in own]
        steps: list[_Announced[S] | Event[Any]] = [*rest, *inputs]
        for step in sorted(steps, key=_position):
            if isinstance(step, _Announced):
                effect = self.repeat(entity.state, step.event, step.cause) if self.repeat else None
                effects += [effect] if effect else []
                entity = step.follow(entity)
                rest = rest[1:]
            else:
                entity = self._fold(entity, step, rest)
        return entity

    def _missing(self, entity: Entity[S], logged: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Return the service's own events that the outbox lacks, in their sequence."""
        own = sorted((each for each in logged if self._is_own(each.event)), key=lambda each: each.event.number)
        missing = [each for each in own if each.event.number > len(entity.outbox)]
        for number, each in enumerate(missing, start=len(entity.outbox) + 1):
            if each.event.number != number:
                raise RecoveryError(
                    f"the event log lacks {self.service.name}/{entity.key}/{number}; fill its gaps before the recovery"
                )
            if each.event.type not in self._by_type:
                raise RecoveryError(f"{self.service.name} announces {each.event.type} no more, so it cannot recall it")
        return missing

    def _fold(self, entity: Entity[S], event: Event[Any], later: "Sequence[_Announced[S]]") -> Entity[S]:
        """Return the entity after an input, if it is certain that it changes the state only.

        Live, the input may have come after any of the later announced events. If it would do more after one of them, it
        is left to the replay: it may not have been handled yet.
        """
        decision = self._decide(entity, event)
        if not isinstance(decision, Save) or not _is_quiet(decision):
            return entity
        then = entity
        for announced in later:
            then = announced.follow(then)
            if not _is_quiet(self._decide(then, event)):
                return entity
        return mark_handled(replace(entity, state=decision.state), MessageMetadata.of(event))

    def _decide(self, entity: Entity[S], event: Event[Any]) -> Decision[S] | None:
        """Return the decision of the event's handler; None if it refuses the event."""
        handler = self.service.handler_of(event.type)
        try:
            return handler.decide(entity, admitted(handler, entity, event))
        except PermanentError:
            return None

    def _cause(self, announced: LoggedEvent, by_id: dict[str, Event[Any]]) -> Event[Any] | None:
        """Return the event that was handled when another was announced; None after what the log never has.

        Raises:
            RecoveryError: If the log lacks it yet.
        """
        cause = announced.event.causationid
        if cause is UNSET or cause.partition("/")[0] in self._outside or _subject(cause) != announced.event.subject:
            return None
        if cause not in by_id:
            raise RecoveryError(f"the event log lacks {cause}, which caused {announced.event.id}")
        return self._typed(by_id[cause]) if by_id[cause].type in self._types else None

    def _typed(self, event: Event[Any]) -> Event[Any] | None:
        """Return an event with its data as its contract; None if the service would refuse it."""
        try:
            return self._registry.decode(event)
        except PermanentError:
            return None

    def _is_own(self, event: Event[Any]) -> bool:
        return event.source == self.service.name

    @cached_property
    def _by_type(self) -> dict[str, Recall[S]]:
        return {each.contract.__name__: each for each in self.recalls}

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(contract.__name__ for contract in self.service.contracts)

    @cached_property
    def _erasures(self) -> frozenset[str]:
        return frozenset(contract.__name__ for contract in self.service.erased_by)

    @cached_property
    def _outside(self) -> frozenset[str]:
        """The sources of messages that reach the service from elsewhere than the topic, which the log never has."""
        return frozenset(handler.contract.producer for handler in self.service.external_handlers)

    @cached_property
    def _registry(self) -> ContractRegistry:
        return ContractRegistry(self.service.contracts)


@dataclass(frozen=True)
class _Announced(Generic[S]):
    """An event that the service announced after the snapshot, with its cause."""

    recall: Recall[S]
    logged: LoggedEvent
    cause: Event[Any] | None

    @cached_property
    def event(self) -> Event[Any]:
        return OutboxEvent(self.logged.body).read(self.recall.contract)

    def follow(self, entity: Entity[S]) -> Entity[S]:
        """Return the entity once it has announced the event."""
        cause = without_personal(self.cause) if self.cause and entity.erased else self.cause
        state = self.recall.state_after(entity.state, self.event, cause)
        after = replace(entity, state=state, outbox=(*entity.outbox, OutboxEvent(self.logged.body)))
        name = self._handled(entity)
        if name is None or not self.recall.completes or name in entity.inbox:
            return after
        in_progress = {other: record for other, record in entity.in_progress.items() if other != name}
        return replace(after, inbox=(*entity.inbox, name), in_progress=in_progress)

    def _handled(self, entity: Entity[S]) -> str | None:
        """Return the inbox key of the cause, if it was an event of this entity."""
        cause = self.logged.event.causationid
        if cause is UNSET:
            return None
        return f"{cause.partition('/')[0]}/{cause.rpartition('/')[2]}" if _subject(cause) == entity.key else None


def _subject(event: str) -> str:
    """Return the subject in an event's id."""
    return event.partition("/")[2].rpartition("/")[0]


def _is_quiet(decision: Decision[Any] | None) -> bool:
    """Return whether a decision changes the state of its entity only."""
    return isinstance(decision, Skip) or (
        isinstance(decision, Save) and not decision.announce and not decision.increments
    )


def _position(step: "_Announced[Any] | Event[Any]") -> tuple[str, str]:
    event = step.logged.event if isinstance(step, _Announced) else step
    return event.time, event.id
