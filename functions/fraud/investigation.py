"""Notes an order by every rule, and flags the other orders that it shows in another light."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from functions.fraud.reactions import Finding, Note, Noted, flag
from functions.fraud.rules import Rule, Seen, Window, one_too_many, too_expensive, windows
from tidings.contracts import Address
from tidings.item import Cause
from tidings.reactor import Reactor


class Memory(Protocol):
    """What was seen of late."""

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> Sequence[list[Seen] | None]:
        """Notes an order, and gives for each rule those within reach of it; None where there are too many to keep."""


@dataclass(frozen=True)
class Investigation:
    """Looks at orders by rules; `orders` are fraud's own items of them."""

    rules: Sequence[Rule]
    memory: Memory
    orders: Reactor[Finding]

    def perform(self, note: Note) -> Noted:
        """The rules that the order breaks.

        An order that is heard of late may make others, which were placed after it, one too many: they are flagged here.
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
        # Without a key: the other order's item has an event of its own under the same one.
        cause = Cause(event.correlationid, event.traceparent, event.millis, id=event.id)
        self.orders.order(order).settle(lambda item, _: flag(item, {rule}), cause)
