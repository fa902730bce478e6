"""The check of an order: flagged by its own total when it is placed, or counted once it is paid.

An order counts as paid as soon as its payment is authorized, or known to be unnecessary. A flag then comes early enough
to release most payments before the money moves.

A paid order takes one of each quota that is left of its customer's day. Quotas are numbers of one item, changed in the
same transaction as the check itself. If one is used up, the order is flagged and takes nothing. So no order of one
person depends on the orders of another, and each order makes the same few calls, however many came before it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from msgspec import Struct

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.address import Address
from contracts.values.recipient import Recipient
from functions.fraud.inspector import Inspector
from functions.fraud.rules import DAY, LARGE_TOTAL, Order, Quota, Rules
from tidings.core.clock import to_rfc3339
from tidings.core.decisions import ConditionFailed, Decision, Increment, Numbers, Perform, Save, Skip
from tidings.core.entity import Entity, reserved_key
from tidings.core.event import Event, read_personal

KEPT_DAYS = 29
"""Number of days for which a customer's day is kept after its end. A message can wait 14 days in a queue and 14 more in
a dead-letter queue, and its order must still find its day."""


class Check(Struct, frozen=True, omit_defaults=True):
    """The progress of an order through the checks.

    Attributes:
        status: `paid` means that only the payment is known, `placed` that only the order is.
        order: What the rules count of it, until it is counted or flagged.
        rules: The rules that it breaks, if it is flagged.
    """

    status: Literal["paid", "placed", "counted", "flagged"]
    order: Order | None = None
    rules: tuple[str, ...] = ()


class Pseudonymize(Struct, frozen=True):
    """The request for the rules, and for an order as they count it. A repeat changes nothing."""

    customer: str
    address: Address | None
    time: int

    def perform(self, inspector: Inspector) -> tuple[Rules, Order]:
        """Return the rules and the order."""
        return inspector.rules, inspector.pseudonymize(self.customer, self.address, self.time)


class ReadRules(Struct, frozen=True):
    """The request for the rules."""

    def perform(self, inspector: Inspector) -> Rules:
        """Return the rules."""
        return inspector.rules


def on_order_placed(_entity: Entity[Check], event: Event[OrderPlaced]) -> Decision[Check]:
    """Flag the order if its total is too large. Otherwise count it if it is paid already."""
    recipient = read_personal(event, Recipient)
    address = recipient.address if recipient else None
    return Perform(Pseudonymize(event.data.customer, address, event.millis), partial(_place, event))


def _place(event: Event[OrderPlaced], entity: Entity[Check], found: tuple[Rules, Order]) -> Decision[Check]:
    rules, order = found
    if entity.state is not None and entity.state.status != "paid":
        return Skip()
    if rules.is_large(event.data.total):
        return _flag((LARGE_TOTAL,))
    return Save(Check("placed", order)) if entity.state is None else _count(rules, order, {}, entity)


def on_payment_authorized(entity: Entity[Check], _event: Event[PaymentAuthorized]) -> Decision[Check]:
    """Count the order if it is known. An order that is flagged already is not counted."""
    return _paid(entity)


def on_payment_not_needed(entity: Entity[Check], _event: Event[PaymentNotNeeded]) -> Decision[Check]:
    """Count the order, although it costs nothing, as if it were paid."""
    return _paid(entity)


def _paid(entity: Entity[Check]) -> Decision[Check]:
    return Save(Check("paid")) if entity.state is None else Perform(ReadRules(), _pay)


def _pay(entity: Entity[Check], rules: Rules) -> Decision[Check]:
    order = entity.state.order if entity.state else None
    return _count(rules, order, {}, entity) if order else Skip()


def _count(rules: Rules, order: Order, found: Numbers, entity: Entity[Check]) -> Decision[Check]:
    """Count a paid order, or flag it if a quota is used up.

    Args:
        rules: The rules.
        order: The order.
        found: The numbers of the customer's day, as far as they are known.
        entity: The order's entity.
    """
    if entity.state is None or entity.state.status not in ("paid", "placed"):
        return Skip()
    quotas = order.quotas(rules, found)
    broken = sorted(quota.rule for quota in quotas if found.get(quota.number, quota.most) < 1)
    if broken:
        return _flag(tuple(broken))
    # Numbers only fall. So a condition fails twice at most: first because the address was counted before, and then
    # because a quota is used up, which flags the order.
    return Save(Check("counted"), increments=(take(order, quotas),), otherwise=partial(_count_again, rules, order))


def _count_again(rules: Rules, order: Order, entity: Entity[Check], failed: ConditionFailed) -> Decision[Check]:
    ((_, numbers),) = failed.failures
    return _count(rules, order, numbers or {}, entity)


def _flag(rules: tuple[str, ...]) -> Decision[Check]:
    return Save(Check("flagged", rules=rules), (OrderFlagged(rules=rules),))


def take(order: Order, quotas: Sequence[Quota]) -> Increment:
    """Return the increment that takes one of each quota."""
    start = {quota.number: quota.most for quota in quotas}
    return Increment(
        paid_key(order),
        add=dict.fromkeys(start, -1),
        at_least=dict.fromkeys(start, 1),
        start=start,
        expires=(order.time // DAY + 1 + KEPT_DAYS) * DAY // 1000,
    )


def paid_key(order: Order) -> str:
    """Return the key of the item that counts the paid orders of the order's customer and day."""
    return reserved_key("paid", order.customer, to_rfc3339(order.time)[:10])
