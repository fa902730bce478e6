"""The recovery of fraud: the check of an order once it was flagged, or once it was counted.

Fraud counts a paid order without announcing it: the log has the order and its payment, and no flag. The recovery counts
such an order again, even if no quota is left. If the rules judged it again after other orders, they could flag an order
that is confirmed or dispatched already. So an order that waited for its check when the service was closed passes
unchecked. The rules still judge each order's own total, and the orders that were paid after the closing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import Struct

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.recipient import Recipient
from functions.fraud.handlers import Check, take
from functions.fraud.inspector import Inspector
from functions.fraud.rules import Order
from functions.fraud.service import service
from tidings.core.decisions import Decision, Increment, Numbers, Perform, Reserve, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event, read_personal
from tidings.core.ports import ConditionFailedError, Table
from tidings.recovery import Recovery, recall

# The announced flags


def _after_flagged(_check: Check | None, event: Event[OrderFlagged], _cause: Event[Any] | None) -> Check:
    return Check("flagged", rules=event.data.rules)


# The orders that were counted


class PaidOrders(Struct, frozen=True):
    """The counts of customers' paid orders, into which a recovery takes orders again.

    Attributes:
        inspector: The stage's rules and pseudonyms.
        table: The table with the counts.
        closed: The time at which the service was closed, in milliseconds since 1970.
    """

    inspector: Inspector
    table: Table
    closed: int

    def count(self, key: str, order: Order) -> None:
        """Take one of each of an order's quotas, even if none is left. A repeat takes nothing."""
        mark = f"recovered:{key}"
        found: Numbers = {}
        while mark not in found:
            try:
                self.table.commit([], [self._increment(order, mark, found)])
            except ConditionFailedError as error:
                # The order was taken before, or its address was counted before.
                ((_, numbers),) = error.failed.failures
                found = numbers or {}
            else:
                return

    def _increment(self, order: Order, mark: str, found: Numbers) -> Increment:
        taken = take(order, order.quotas(self.inspector.rules, found))
        once = {mark: 1} | {number: 1 for number in taken.add if number == order.address_number}
        return replace(taken, add={**taken.add, mark: -1}, at_least=once, start={**taken.start, mark: 1})


class FindPassed(Struct, frozen=True):
    """The request for an order as the rules count it, if it passed before the service was closed.

    Attributes:
        placed: The order.
        recipient: Who receives it; None once this was erased.
        time: When it was placed, in milliseconds since 1970.
        paid: When it was known to be paid.
        known: The order as the rules count it, if fraud had handled it.
    """

    placed: OrderPlaced
    recipient: Recipient | None
    time: int
    paid: int
    known: Order | None

    def perform(self, port: PaidOrders) -> Order | None:
        """Return the order; None if it is still to be judged."""
        if max(self.time, self.paid) >= port.closed or port.inspector.rules.is_large(self.placed.total):
            return None
        address = self.recipient.address if self.recipient else None
        return self.known or port.inspector.pseudonymize(self.placed.customer, address, self.time)


class CountAgain(Struct, frozen=True):
    """The request to count an order that passed. A repeat changes nothing."""

    key: str
    order: Order

    def perform(self, port: PaidOrders) -> None:
        """Count the order."""
        port.count(self.key, self.order)


def _adopt(entity: Entity[Check], inputs: Sequence[Event[Any]]) -> Perform[Check] | None:
    placed = next((event for event in inputs if isinstance(event.data, OrderPlaced)), None)
    paid = next((event for event in inputs if isinstance(event.data, PaymentAuthorized | PaymentNotNeeded)), None)
    if placed is None or paid is None or (entity.state and entity.state.status == "counted"):
        return None
    known = entity.state.order if entity.state else None
    recipient = read_personal(placed, Recipient)
    return Perform(FindPassed(placed.data, recipient, placed.millis, paid.millis, known), _after_find)


def _after_find(entity: Entity[Check], passed: Order | None) -> Decision[Check]:
    if passed is None:
        return Skip()
    return Reserve(Check("counted"), CountAgain(entity.key, passed), lambda _entity, _result: Skip())


recovery = Recovery(service=service, recalls=(recall(OrderFlagged, _after_flagged),), adopt=_adopt)
