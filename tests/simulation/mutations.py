"""Deliberate faults, each a few words of the code replaced: what the simulation must find to be worth anything."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, cast

from functions.fraud.investigation import Investigation
from functions.inventory import reactions as inventory
from functions.loyalty import reactions as loyalty
from functions.orders import api
from functions.orders import reactions as orders
from functions.payment import reactions as payment
from ops.redriving import Box
from ops.sending import Sender
from tests.simulation.ports.ledger import MemoryLedger
from tests.simulation.ports.table import MemoryTable
from tests.simulation.shop import Shop
from tidings import batch_reactor, relay
from tidings.consumer import Consumer
from tidings.reactor import OrderReactor


@dataclass(frozen=True)
class Mutation:
    """`before` stands once in the function's source, and becomes `after`; one of the invariants must find it out.

    `seed` is that of a history which found it once, where that is a rare one: it is tried first.
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
    """The code with the fault in it: the function itself is changed, wherever it has been imported to."""
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
        raise ValueError(f"{mutation.name}: {mutation.before!r} stands {source.count(mutation.before)} times in it")
    # Without its decorators and annotations, which would need what its module imports.
    module: dict[str, Any] = {}
    body = source.partition("def ")[2]
    changed = f"from __future__ import annotations\ndef {body}".replace(mutation.before, mutation.after)
    exec(compile(changed, function.__code__.co_filename, "exec"), function.__globals__ | {}, module)  # noqa: S102 - our own source
    return cast("FunctionType", module[function.__name__]).__code__


NEGATIVE = "stock is never negative"
LEGAL = "the status of an order is legal"
MAILS = "one e-mail of each kind, and one more at most for each crash between sending and recording"
PAID = "a confirmed order is paid once, and a cancelled one not at all"
ONCE = "money moves at most once each way"
HELD = "a confirmed order holds its goods, and a cancelled one none"
STOCK = "stock adds up"
RECORDED = "every event is published, and history has recorded exactly these"
IN_ORDER = "a source's events of an order are published in their order"
STATUSES = "no order is lost, and none is pending at rest"
HANDLED = "an event is handled once"
LAST = "at its last attempt a message is handled, or buried with its reason"
SALES = "sales are counted exactly"
PAIRS = "pairs are counted exactly"
POINTS = "points are what confirmed orders have earned"
IMPLIED = "each service's state is what the order's events imply"
FLAGS = "fraud is found by the orders' times alone"
ANSWERS = "a repeated request gets the first answer"
SEQUENCES = "event ids are unique, and sequences have no gap"
TRUTH = "people are told the truth"
CANCELS = "a cancellation that is accepted cancels"
CAUSES = "effects are later than their causes"

LOST = (STATUSES, RECORDED, PAID, HELD, MAILS, POINTS, SALES, PAIRS, IMPLIED, FLAGS)
"""What finds out that a message was lost, whichever it was."""

MUTATIONS = [
    _mutation(
        "a duplicate is handled again",
        OrderReactor._settle,
        "if cause.key in item.handled:",
        "if False:",
        HANDLED,
        MAILS,
        PAID,
        IMPLIED,
    ),
    _mutation(
        "the version's condition is left out",
        MemoryTable._is_lost,
        'return (int(found["version"]["N"]) if found else 0) != write.expected',
        "return False",
        RECORDED,
        STATUSES,
        PAID,
        HELD,
        STOCK,
        IMPLIED,
        ANSWERS,
        SEQUENCES,
        MAILS,
        POINTS,
        NEGATIVE,
        LEGAL,
        TRUTH,
        CANCELS,
        CAUSES,
        HANDLED,
        IN_ORDER,
        FLAGS,
    ),
    _mutation(
        "the relay skips the tail of what a write announced",
        relay.announced,
        "after[len(before) :]]",
        "after[len(before) : len(before) + 1]]",
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
        "the relay publishes two events of an order in one wave",
        relay.Relay.handle,
        "wave = dict(queue.popleft() for queue in waiting.values())",
        "wave = dict(queue.popleft() for queue in waiting.values() for _ in list(queue))",
        IN_ORDER,
    ),
    _mutation(
        "the relay goes on with an order whose event has failed",
        relay.Relay.handle,
        "if queue and order not in blocked",
        "if queue",
        IN_ORDER,
    ),
    _mutation(
        "payment forgets the tombstone",
        payment.cancel,
        'return Commit(Payment("forbidden"))',
        "return Ignore()",
        PAID,
        IMPLIED,
    ),
    _mutation(
        "payment opens another payment in place of the stored one",
        payment.charge,
        "return _record(payment, outcome) or Act(Confirm(payment.id))",
        "return _record(payment, outcome) or Act(Confirm(outcome.payment) if isinstance(outcome, Opened) "
        "else Open(item.order, order.total, order.payment_method))",
        ONCE,
        PAID,
    ),
    _mutation(
        "payment forgets the refund of a charge that is under way",
        payment.cancel,
        'if payment.status not in ("charging", "captured"):',
        'if payment.status != "captured":',
        PAID,
    ),
    _mutation(
        "the consumer acknowledges what has failed",
        Consumer._try,
        'logger.warning("message failed", extra=_about(parsed, text))',
        "return None",
        *LOST,
    ),
    _mutation(
        "messages are acknowledged before what they bring about is written",
        Shop._consume,
        "to.running += 1\n",
        "to.running += 1\n    [to.queue.delete(record['receiptHandle']) for record in records]\n",
        *LOST,
    ),
    _mutation(
        "followers are dead-lettered with their neighbour",
        Consumer._handle_order,
        "if delay is None:\n",
        'if delay is None and self.kind == "fifo" and parsed.message.attempts >= self.max_receives:\n'
        "            return failed | {later.message: 1 for later in group[n + 1 :]}\n"
        "        if delay is None:\n",
        LAST,
        seed=7_000_014,
    ),
    _mutation(
        "the lease is ignored",
        OrderReactor._respect,
        "if remaining > 0:",
        "if False:",
        MAILS,
        seed=7_000_757,
    ),
    _mutation(
        "stock is taken that is not there",
        inventory._move,
        "at_least={name: -by for name, by in change.items() if by < 0},",
        "at_least={},",
        NEGATIVE,
    ),
    _mutation(
        "the fold adds an order's share without its condition",
        MemoryLedger.commit,
        "for write in writes if self._is_lost(write)}:",
        "for write in writes if False}:",
        SALES,
        PAIRS,
        IMPLIED,
    ),
    _mutation(
        "a batch's orders ask for less than they take",
        batch_reactor.summed,
        "leasts.setdefault(adjust.key, Counter()).update(adjust.at_least)",
        "leasts.setdefault(adjust.key, Counter())",
        NEGATIVE,
    ),
    _mutation(
        "a redrive sends under the old deduplication id",
        Sender._send_wave,
        "#{self.run}#{attempt}",
        "",
        PAID,
        STATUSES,
        IMPLIED,
        seed=7_000_039,
    ),
    _mutation(
        "a redrive deletes before it sends",
        Box.redrive,
        "send([entry_of(letter) for letter, _ in chosen])",
        "self.letters.delete([letter for letter, _ in chosen]); send([entry_of(letter) for letter, _ in chosen])",
        *LOST,
        seed=7_000_284,
    ),
    _mutation(
        "an order is confirmed by one of the two that it waits for",
        orders._progress,
        "if not (order.paid and order.reserved):",
        "if not (order.paid or order.reserved):",
        PAID,
        HELD,
    ),
    _mutation(
        "revoked points stay in the balance",
        loyalty.cancelled,
        "_add(customer, -points)",
        "_add(customer, 0)",
        POINTS,
    ),
    _mutation(
        "fraud does not look back",
        Investigation.perform,
        "self._flag(other, rule.name, note)",
        "pass",
        FLAGS,
    ),
    _mutation(
        "a retry places another order",
        api.Api.place,
        "_idempotency_key(request))",
        "_idempotency_key(request) + request.correlation)",
        ANSWERS,
    ),
    _mutation(
        "a retry is answered with what has become of the order",
        api._first_answer,
        "return _view(Item(item.order, state=Order(), events=item.events[:1]))",
        "return _view(item)",
        ANSWERS,
    ),
]
