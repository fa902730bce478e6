"""Deliberate faults of the code, each a few words replaced, which the simulation must find."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, cast

from functions.fraud.investigation import Investigation
from functions.inventory import handlers as inventory
from functions.loyalty import handlers as loyalty
from functions.orders import api
from functions.orders import handlers as orders
from functions.payment import handlers as payment
from tests.simulation.redrive import ConsumerDestination
from tests.simulation.shop import Shop
from tidings.core import decisions
from tidings.core.contract import ContractRegistry
from tidings.handling import batch, projection
from tidings.handling.executor import UnitOfWork
from tidings.messaging import relay
from tidings.messaging.consumer import Consumer
from tidings.recovery.redrive import DeadLetters
from tidings.testing import MemoryTable


@dataclass(frozen=True)
class Mutation:
    """A deliberate fault.

    Attributes:
        name: The fault.
        function: The function that it is in.
        before: Words of the function's source, which it contains once.
        after: The words that replace them.
        invariants: The invariants of which one must find the fault.
        seed: The seed of a history that found it once, which is tried first; set if few histories find it.
    """

    name: str
    function: Callable[..., Any]
    before: str
    after: str
    invariants: frozenset[str]
    seed: int | None = None

    def __str__(self) -> str:
        return self.name


def _mutation(
    name: str, function: Callable[..., Any], before: str, after: str, *invariants: str, seed: int | None = None
) -> Mutation:
    return Mutation(name, function, before, after, frozenset(invariants), seed)


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    """Change the function itself, wherever it was imported."""
    function = cast("FunctionType", inspect.unwrap(mutation.function))
    code = function.__code__
    function.__code__ = _compiled(mutation, function)
    try:
        yield
    finally:
        function.__code__ = code


def _compiled(mutation: Mutation, function: FunctionType) -> CodeType:
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutation.before) != 1:
        raise ValueError(
            f"{mutation.name}: the source contains {mutation.before!r} {source.count(mutation.before)} times"
        )
    # Its decorators and annotations would need what its module imports.
    module: dict[str, Any] = {}
    body = source.partition("def ")[2]
    changed = f"from __future__ import annotations\ndef {body}".replace(mutation.before, mutation.after)
    exec(compile(changed, function.__code__.co_filename, "exec"), function.__globals__ | {}, module)  # noqa: S102 - our own source
    return cast("FunctionType", module[function.__name__]).__code__


NEGATIVE = "stock is never negative"
LEGAL = "the status of an order is legal"
EMAILS = "one e-mail of each kind, and one more at most for each crash between sending and recording"
PAID = "a confirmed order is paid once, and a cancelled one not at all"
ONCE = "money moves at most once each way"
HELD = "a confirmed order holds its goods, and a cancelled one none"
STOCK = "stock adds up"
RECORDED = "every event is published, and history has recorded exactly these"
IN_ORDER = "a source's events of an order are published in their order"
STATUSES = "no order is lost, and none is pending at rest"
HANDLED = "an event is handled once"
LAST = "on its last attempt a message is handled, or dead-lettered with its reason"
SALES = "sales are counted exactly"
PAIRS = "pairs are counted exactly"
POINTS = "points are what confirmed orders have earned"
IMPLIED = "each service's state is what the order's events imply"
AGREED = "services agree about an order"
FLAGS = "fraud is found by the orders' times alone"
ANSWERS = "a repeated request gets the first answer"
TRUE_ANSWERS = "answers stay true"
SEQUENCES = "event ids are unique, and sequences have no gap"
ANNOUNCED_ONCE = "what happens to an order once is announced once"
CANCELS = "a cancellation that is accepted cancels"
CAUSES = "effects are later than their causes"
LISTS = "a customer's list shows exactly the customer's orders"
AT_REST = "the shop comes to rest"
EXPIRED = "an expired order was never confirmed"
POISON = "what can never be handled is in the dead-letter queue, and nothing else is"

LOST = (STATUSES, RECORDED, PAID, HELD, EMAILS, POINTS, SALES, PAIRS, IMPLIED, AGREED, FLAGS)
"""The invariants that find a lost message, whichever it was."""

MUTATIONS = [
    _mutation(
        "a duplicate is handled again",
        UnitOfWork._run,
        "Skip() if metadata.inbox_key in entity.inbox else command(entity)",
        "command(entity)",
        HANDLED,
        EMAILS,
        PAID,
        IMPLIED,
    ),
    _mutation(
        "the condition on the version is left out",
        MemoryTable._commit,
        "self._require_versions(writes)",
        "pass",
        SALES,
        PAIRS,
        RECORDED,
        STATUSES,
        PAID,
        HELD,
        STOCK,
        IMPLIED,
        ANSWERS,
        SEQUENCES,
        EMAILS,
        POINTS,
        NEGATIVE,
        LEGAL,
        TRUE_ANSWERS,
        CANCELS,
        CAUSES,
        HANDLED,
        IN_ORDER,
        FLAGS,
    ),
    _mutation(
        "the relay skips the later events of a write",
        relay.Relay.handle,
        "for event in record.announced:",
        "for event in record.announced[:1]:",
        RECORDED,
        IN_ORDER,
    ),
    _mutation(
        "the relay reports no failures",
        relay.Relay.handle,
        "if not failed:",
        "if True:",
        RECORDED,
        IN_ORDER,
        STATUSES,
    ),
    _mutation(
        "the relay publishes two events of an entity in one round",
        relay.Relay.handle,
        "turn = dict(queue.popleft() for queue in waiting.values())",
        "turn = dict(queue.popleft() for queue in waiting.values() for _ in list(queue))",
        IN_ORDER,
    ),
    _mutation(
        "the relay continues with an entity whose event has failed",
        relay.Relay.handle,
        "if queue and key not in blocked",
        "if queue",
        IN_ORDER,
    ),
    _mutation(
        "payment leaves no tombstone",
        payment.on_order_cancelled,
        'return Save(Payment("forbidden"))',
        "return Skip()",
        PAID,
        IMPLIED,
    ),
    _mutation(
        "payment opens another payment in place of the stored one",
        payment.on_order_placed,
        "return Perform(Confirm(payment.id), _after_confirm)",
        "return Perform(Open(entity.key, event.data.total, event.data.payment_method),"
        " lambda _, outcome: Perform(Confirm(outcome.payment), _after_confirm))",
        ONCE,
        PAID,
    ),
    _mutation(
        "payment does not refund a capture that is under way",
        payment.on_order_cancelled,
        'if payment.status not in ("charging", "captured"):',
        'if payment.status != "captured":',
        PAID,
    ),
    _mutation(
        "the consumer acknowledges a failed message",
        Consumer._try,
        'logger.warning("message failed", extra=_log_fields(parsed, text))',
        "return None",
        *LOST,
    ),
    _mutation(
        "messages are acknowledged before their effects are written",
        Shop._consume,
        "to.running += 1\n",
        "to.running += 1\n    [to.queue.delete(record['receiptHandle']) for record in records]\n",
        *LOST,
    ),
    _mutation(
        "followers are dead-lettered with their neighbour",
        Consumer._handle_group,
        "if delay is None:\n",
        'if delay is None and self.kind == "fifo" and parsed.message.attempts >= self.max_receives:\n'
        "            return failed | {later.message: 1 for later in group[n + 1 :]}\n"
        "        if delay is None:\n",
        LAST,
        seed=602_552_728_162,
    ),
    _mutation(
        "the in-progress record of another delivery is ignored",
        UnitOfWork._yield_to_other_delivery,
        "if remaining > 0:",
        "if False:",
        EMAILS,
        seed=261_526_453_080,
    ),
    _mutation(
        "stock is reserved that does not exist",
        inventory._move,
        "at_least={name: -by for name, by in change.items() if by < 0},",
        "at_least={},",
        NEGATIVE,
    ),
    _mutation(
        "a batch's entities require less than they take",
        decisions._add,
        "least - add[name]",
        "least",
        NEGATIVE,
    ),
    _mutation(
        "a batch whose transaction failed is taken for committed",
        batch.BatchExecutor._attempt,
        'logger.exception("could not commit entities together")',
        "[proposal.unit.accept(proposal.entity) for proposal in together]",
        *LOST,
    ),
    _mutation(
        "a redrive sends under the old deduplication id",
        ConsumerDestination.send,
        "#{attempt}",
        "",
        *LOST,
        seed=421_478_708_645,
    ),
    _mutation(
        "a redrive deletes before it sends",
        DeadLetters.redrive,
        "send([original_of(message) for message, _ in chosen])",
        "self.queue.delete([message for message, _ in chosen]); send([original_of(message) for message, _ in chosen])",
        *LOST,
        seed=850_374_986_826,
    ),
    _mutation(
        "an order is confirmed by one of the two facts that it waits for",
        orders._progress,
        "if not (order.paid and order.reserved):",
        "if not (order.paid or order.reserved):",
        PAID,
        HELD,
    ),
    _mutation(
        "revoked points stay in the balance",
        loyalty.on_order_cancelled,
        "_add(customer, -points)",
        "_add(customer, 0)",
        POINTS,
    ),
    _mutation(
        "fraud does not look back",
        Investigation.note,
        "self._flag(other, rule.name, note)",
        "pass",
        FLAGS,
    ),
    _mutation(
        "a repeated request places another order",
        api.Api.place,
        "_idempotency_key(request))",
        "_idempotency_key(request) + request.correlation_id)",
        ANSWERS,
    ),
    _mutation(
        "a repeated request gets the order's present status",
        api._first_answer,
        "return _view(Entity(entity.key, state=Order(), outbox=entity.outbox[:1]))",
        "return _view(entity)",
        ANSWERS,
    ),
    _mutation(
        "the decision on a failed condition is ignored",
        UnitOfWork._otherwise,
        "otherwise = decision.otherwise if isinstance(decision, Save) else None",
        "otherwise = None",
        AT_REST,
    ),
    _mutation(
        "an execution always reports a change",
        UnitOfWork._run,
        "return Execution(entity, changed, decision if",
        "return Execution(entity, True, decision if",
        ANSWERS,
    ),
    _mutation(
        "an optimistic create ignores the entity that it finds",
        UnitOfWork._recover,
        "self._decode(error.found[self._key])",
        "Entity(self._key, self._decode(error.found[self._key]).version)",
        LEGAL,
        ANSWERS,
        SEQUENCES,
        IN_ORDER,
        HANDLED,
        *LOST,
    ),
    _mutation(
        "a projection adds a changed contribution as a whole",
        projection.difference,
        "sums.subtract(before)",
        "pass",
        SALES,
        PAIRS,
    ),
    _mutation(
        "a cancellation of a dispatched order is not rejected",
        orders.cancel_for_customer,
        'if existing(entity).status == "DISPATCHED":',
        "if False:",
        CANCELS,
    ),
    _mutation(
        "the expiry job cancels confirmed orders",
        orders.expire,
        'if order.status == "PENDING" else Skip()',
        "",
        EXPIRED,
    ),
    _mutation(
        "an event with a subject that breaks its contract is handled",
        ContractRegistry.decode,
        "if not subject.fullmatch(event.subject):",
        "if False:",
        POISON,
        AT_REST,
        CAUSES,
        *LOST,
    ),
]
