"""The investigation: notes an order by every rule, and flags other orders that turn out to break one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.values.address import Address
from functions.fraud.handlers import Finding, Note, Noted, flag
from functions.fraud.rules import Rule, Seen, Window, one_too_many, too_expensive, windows
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor


class Memory(Protocol):
    """The orders seen lately."""

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> Sequence[list[Seen] | None]:
        """Note an order. Return the orders within reach of it for each rule; None if there are too many to keep."""


@dataclass(frozen=True)
class Investigation:
    """The comparison of orders by rules. `orders` executes commands on fraud's own entities."""

    rules: Sequence[Rule]
    memory: Memory
    orders: HandlerExecutor[Finding]

    def note(self, note: Note) -> Noted:
        """Note an order, and return the rules that it breaks.

        An order whose event arrives late may make orders that were placed after it one too many; they are flagged here.
        """
        own = note.seen.order
        broken = too_expensive(self.rules, note.total.amount, note.total.currency)
        rules = windows(self.rules)
        for rule, seen in zip(rules, self.memory.note(rules, note.seen, note.address), strict=True):
            suspects = {own} if seen is None else one_too_many(rule, seen)
            if own in suspects:
                broken.add(rule.name)
            for other in sorted(suspects - {own}):
                self._flag(other, rule.name, note)
        return Noted(frozenset(broken))

    def _flag(self, order: str, rule: str, note: Note) -> None:
        event = note.event
        # Without an inbox key: the same key identifies an event about the other order itself.
        metadata = MessageMetadata(event.correlationid, event.traceparent, event.millis, causation_id=event.id)
        self.orders.entity(order).execute(lambda entity: flag(entity, {rule}), metadata)
