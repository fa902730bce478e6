"""Deliberate faults of the code, each a few words replaced, which the simulation must find."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, cast

from functions.fraud import handlers as fraud
from functions.fraud import recovery as fraud_recovery
from functions.fraud.inspector import Inspector
from functions.fraud.recovery import PaidOrders
from functions.fraud.rules import Order as CheckedOrder
from functions.history.log import Log
from functions.inventory import adjustments
from functions.inventory import handlers as inventory
from functions.live import viewers
from functions.live.broadcast import Broadcast
from functions.loyalty import handlers as loyalty
from functions.notification import handlers as notification
from functions.notification.limit import LimitedMailer
from functions.orders import api, catalogue
from functions.orders import handlers as orders
from functions.orders.expiry import brake
from functions.payment import check as checks
from functions.payment import handlers as payment
from functions.payment import recovery as payment_recovery
from functions.payment import refunds, reports
from functions.payment import state as payment_state
from functions.payment.checks.job import CheckJob
from functions.privacy import handlers as privacy
from functions.warehouse import handlers as warehouse
from tests.simulation.ports import gateway
from tests.simulation.redrive import ConsumerDestination
from tests.simulation.restore import Restores
from tests.simulation.shop import DONE, LAST_TRY, LEFT, MAILED, Shop
from tidings.core import decisions, event
from tidings.core.contract import ContractRegistry
from tidings.core.entity import EntityCodec, advance
from tidings.handling import batch, executor, projection
from tidings.handling.executor import UnitOfWork
from tidings.handling.retries import RetryPolicy
from tidings.messaging import relay
from tidings.messaging.consumer import Consumer
from tidings.recovery import recalls
from tidings.recovery.audit import Audit
from tidings.recovery.recalls import Recovery, _Announced
from tidings.recovery.recover import Recover
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
        invariants: The invariants of which one must find the fault. If there are none, any may find it.
        seed: The seed of a history that found it once, which is tried first; set if few histories find it.
        restored: The service whose table goes back in the histories; empty for none.
    """

    name: str
    function: Callable[..., Any]
    before: str
    after: str
    invariants: frozenset[str]
    seed: int | None = None
    restored: str = ""

    def __str__(self) -> str:
        return self.name


def _mutation(
    name: str,
    function: Callable[..., Any],
    before: str,
    after: str,
    *invariants: str,
    seed: int | None = None,
    restored: str = "",
) -> Mutation:
    return Mutation(name, function, before, after, frozenset(invariants), seed, restored)


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
ONCE = "a payment is captured once at most, and never refunded beyond that"
VOIDED = "a payment that was announced as voided has moved no money"
MADE = "refunds are announced as the gateway made them"
ATTEMPTS = "each attempt of a refund has its own number, and one outcome"
TRIED = "each attempt of a refund is made at the gateway"
UNEXPECTED = "a payment that the order does not account for is announced"
DISPUTES = "disputes are announced as the gateway has them, each once"
STORED = "payment's refunds and disputes are what it announced"
SECRETS = "no secret of the gateway is stored"
RELEASED = "an order at rest has no money reserved that is not captured"
RECEIPTS = "a receipt is sent for money that was captured, or for an order that costs nothing"
CAPTURED_FIRST = "goods leave only after their total was captured"
FREE = "an order that costs nothing is confirmed without a payment"
HELD = "a confirmed order holds its goods, and a cancelled one none"
STOCK = "stock adds up"
ADJUSTED = "an adjustment adds what was missing to what an operator set"
OFFERED = "a product is what the latest announced changes say"
HOLDS_UP = "an event that the topic refuses holds up no other"
OWNERS = "live knows the customer of every order"
OWN_EVENTS = "a customer is notified of the events of own orders only"
RECORDED = "every event is published, and history has recorded exactly these"
IN_ORDER = "a source's events of an order are published in their order"
STATUSES = "no order is lost, and none is pending at rest"
HANDLED = "an event is handled once"
SALES = "sales are counted exactly"
PAIRS = "pairs are counted exactly"
POINTS = "points are what confirmed orders have earned"
IMPLIED = "each service's state is what the order's events imply"
AGREED = "services agree about an order"
ALLOWED = "a customer has no more paid orders without a flag than the rules allow"
LIMITED = "a customer has as many e-mails of an hour as the limit allows, and then no more"
COUNTED = "fraud counts each paid order without a flag once"
FLAGS = "an order is flagged by its own total or by its customer's paid orders, and by no other"
ANSWERS = "a repeated request gets the first answer"
TRUE_ANSWERS = "answers stay true"
SEQUENCES = "event ids are unique, and sequences have no gap"
ANNOUNCED_ONCE = "what happens to an order once is announced once"
CANCELS = "a cancellation that is accepted cancels"
CAUSES = "effects are later than their causes"
LISTS = "a customer's list shows exactly the customer's orders"
AT_REST = "the shop comes to rest"
EXPIRED = "an expired order was never confirmed"
BRAKED = "no more orders expire than the brake allows, and none while the job is stopped"
ERASED = "nothing personal of an erased order is stored"
ERASURES = "an erasure that was accepted reaches every service that keeps personal data, and no other order"
KEPT = "personal data is kept as the customer gave it until it is erased"
POISON = "what can never be handled is in the dead-letter queue, and nothing else is"

PERSONAL = (ERASED, ERASURES, KEPT, MAILED)
"""The invariants about personal data."""

LOST = (
    *PERSONAL,
    STATUSES,
    RECORDED,
    PAID,
    MADE,
    UNEXPECTED,
    DISPUTES,
    STORED,
    RELEASED,
    HELD,
    EMAILS,
    POINTS,
    SALES,
    PAIRS,
    IMPLIED,
    AGREED,
    ALLOWED,
    FLAGS,
)
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
        ANNOUNCED_ONCE,
        DISPUTES,
        MADE,
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
        RELEASED,
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
        ALLOWED,
        FLAGS,
        ANNOUNCED_ONCE,
        ONCE,
        VOIDED,
        MADE,
        ATTEMPTS,
        TRIED,
        UNEXPECTED,
        DISPUTES,
        STORED,
        DONE,
        LEFT,
        AGREED,
        LISTS,
        EXPIRED,
        *PERSONAL,
    ),
    _mutation(
        "the relay skips the later events of a write",
        relay.Relay._sort,
        "for event in record.announced:",
        "for event in record.announced[:1]:",
        RECORDED,
        IN_ORDER,
        *PERSONAL,
    ),
    _mutation(
        "the relay reports no failures",
        relay.Relay.handle,
        "if not failed:",
        "if True:",
        RECORDED,
        IN_ORDER,
        STATUSES,
        *PERSONAL,
    ),
    _mutation(
        "the relay publishes two events of an entity in one round",
        relay.Relay.handle,
        "turn = dict(queue.popleft() for queue in waiting.values())",
        "turn = dict(queue.popleft() for queue in waiting.values() for _ in list(queue))",
        IN_ORDER,
    ),
    _mutation(
        "an event that the topic refuses blocks its lane",
        relay.Relay.handle,
        "if failure.refused:",
        "if False:",
        HOLDS_UP,
    ),
    _mutation(
        "an event that the topic cannot take now is dead-lettered",
        relay.Relay.handle,
        "if failure.refused:",
        "if True:",
        IN_ORDER,
    ),
    _mutation(
        "an event that the topic refuses is passed without a dead letter",
        relay.Relay.handle,
        'letters.append((n, _refused(event, records[n], "refused", failure.code)))',
        "pass",
        *LOST,
    ),
    _mutation(
        "a refused event that the dead-letter queue did not take is passed",
        relay.Relay._dead_letter,
        "failed.add(new[key])",
        "pass",
        *LOST,
    ),
    _mutation(
        "the relay continues with an entity whose event has failed",
        relay.Relay.handle,
        "if queue and key not in blocked",
        "if queue",
        IN_ORDER,
        seed=90_090_014,
    ),
    _mutation(
        "payment leaves no tombstone",
        payment._cancel,
        'return Save(Payment("forbidden"))',
        "return Skip()",
        PAID,
        RELEASED,
        IMPLIED,
        seed=50_100_309,
    ),
    _mutation(
        "payment opens another payment in place of the stored one, and searches for none",
        payment.on_order_placed,
        "return Perform(Authorize(payment.id), partial(_after_authorize, event.millis))",
        "origin = Origin(event.correlationid, event.traceparent); "
        "return Perform(Open(entity.key, order.total, order.payment_method, origin, 10**15),"
        " lambda _, outcome: Perform(Authorize(outcome.payment), partial(_after_authorize, event.millis)))",
        RELEASED,
        PAID,
        IMPLIED,
        seed=50_110_003,
    ),
    _mutation(
        "payment does not release an authorization that is under way",
        payment._cancel,
        "if payment.status in UNCAPTURED:",
        'if payment.status in ("action_required", "processing", "authorized"):',
        RELEASED,
        PAID,
        seed=50_120_009,
    ),
    _mutation(
        "payment does not end a payment that awaits its customer's approval",
        payment._cancel,
        "if payment.status in UNCAPTURED:",
        'if payment.status in ("authorizing", "processing", "authorized"):',
        RELEASED,
        PAID,
        AT_REST,
    ),
    _mutation(
        "payment does not end a payment about which the bank has not decided",
        payment._cancel,
        "if payment.status in UNCAPTURED:",
        'if payment.status in ("authorizing", "action_required", "authorized"):',
        RELEASED,
        PAID,
        AT_REST,
    ),
    _mutation(
        "payment does not release an authorized amount",
        payment._cancel,
        "if payment.status in UNCAPTURED:",
        'if payment.status in ("authorizing", "action_required", "processing"):',
        RELEASED,
        PAID,
    ),
    _mutation(
        "payment forgets that an order was cancelled before the bank decided",
        payment.after_void,
        "cancelled=True",
        "cancelled=False",
        RELEASED,
        PAID,
        seed=90_160_008,
    ),
    _mutation(
        "payment does not refund a captured amount",
        payment._cancel,
        'if payment.status != "captured":',
        "if True:",
        PAID,
    ),
    _mutation(
        "an approval is not looked at again",
        payment_state.scheduled,
        'if payment.status in ("action_required", "processing"):',
        'if payment.status == "processing":',
        AT_REST,
        RELEASED,
    ),
    _mutation(
        "a decision of the bank is not looked at again",
        payment_state.scheduled,
        'if payment.status in ("action_required", "processing"):',
        'if payment.status == "action_required":',
        RELEASED,
        AT_REST,
        PAID,
    ),
    _mutation(
        "a report decides in place of the gateway",
        checks.on_payment_reported,
        "return check(entity, event.data.payment, event.millis)",
        'return follow_authorization(payment, Authorized(), event.millis) if event.data.about == "authorized"'
        " else check(entity, event.data.payment, event.millis)",
        ANNOUNCED_ONCE,
        PAID,
        RELEASED,
        STATUSES,
        IMPLIED,
    ),
    _mutation(
        "a payment that its customer declined can still be approved",
        gateway._close,
        'payment.status = "closed"',
        "pass",
        RELEASED,
        PAID,
        seed=50_210_011,
    ),
    _mutation(
        "an order whose customer must approve the payment never expires",
        orders.expire,
        'if order.status == "PENDING" else Skip()',
        'if order.status == "PENDING" and not order.approval else Skip()',
        AT_REST,
        STATUSES,
        seed=90_220_008,
    ),
    _mutation(
        "the withdrawal of an authorization is not announced",
        payment.fail,
        'return Save(failed, (_failed(payment, "voided"),))',
        "return Save(failed, ())",
        PAID,
        STATUSES,
        RELEASED,
    ),
    _mutation(
        "a pending refund is announced as done",
        refunds.follow_refund,
        "case Refunded() | NotRefunded() | RefundPending():",
        'case RefundPending() if refund.status == "pending":\n'
        '            ended = replace(refund, status="succeeded", at=to_rfc3339(now))\n'
        "            done = PaymentRefunded(payment=refund.payment, refund=refund.id, amount=refund.amount)\n"
        "            return with_refund(payment, ended), (done,)\n"
        "        case Refunded() | NotRefunded() | RefundPending():",
        DONE,
        MADE,
        PAID,
        seed=50_240_008,
    ),
    _mutation(
        "a failed refund is announced as done",
        refunds.follow_refund,
        "failed = RefundFailed(payment=refund.payment, refund=refund.id, amount=refund.amount, code=code)",
        "failed = PaymentRefunded(payment=refund.payment, refund=refund.id, amount=refund.amount)",
        PAID,
        MADE,
        ATTEMPTS,
    ),
    _mutation(
        "a refund that the bank returned is not announced",
        refunds.follow_refund,
        'case NotRefunded(code) if refund.status in ("pending", "succeeded"):',
        'case NotRefunded(code) if refund.status == "pending":',
        PAID,
        MADE,
        seed=50_260_003,
    ),
    _mutation(
        "a pending refund is not looked at again",
        payment_state.scheduled,
        'if refund.status == "pending"]',
        "if False]",
        MADE,
        PAID,
        seed=90_270_038,
    ),
    _mutation(
        "a refund that succeeded is not looked at again",
        payment_state.scheduled,
        'refund.status == "succeeded" and',
        "False and",
        MADE,
        PAID,
        seed=50_280_058,
    ),
    _mutation(
        "a refund that was recorded and not made is not made",
        checks._follow_money,
        "missing = missing or refund",
        "pass",
        AT_REST,
        MADE,
        PAID,
    ),
    _mutation(
        "an operator's refund ignores what is left",
        refunds._exceeds,
        "if amount.amount > left.amount:",
        "if False:",
        LEFT,
    ),
    _mutation(
        "the attempt is not a part of a refund's key",
        payment_state.attempt_of,
        "/{refund.attempt}",
        "/1",
        TRIED,
        MADE,
        seed=90_310_015,
    ),
    _mutation(
        "a refund is tried again under the number of the failed attempt",
        refunds.retry_refund,
        "attempt=due.attempt + 1",
        "attempt=due.attempt",
        TRIED,
        MADE,
        ATTEMPTS,
    ),
    _mutation(
        "an unexpected payment that was captured is left",
        checks._reverse,
        "return begin_refund(entity.key, payment, name,",
        "return Skip() or begin_refund(entity.key, payment, name,",
        PAID,
        UNEXPECTED,
    ),
    _mutation(
        "an unexpected payment that was authorized is left",
        checks._reverse,
        "return Reserve(payment,",
        "return Skip() or Reserve(payment,",
        RELEASED,
        PAID,
        UNEXPECTED,
        seed=90_340_011,
    ),
    _mutation(
        "a report of another stage's payment is taken",
        reports.Readdress.perform,
        "if labels is None:",
        "if False:",
        AT_REST,
    ),
    _mutation(
        "a report that names no order is dropped",
        checks.on_unaddressed_report,
        "return Perform(",
        "return Skip() or Perform(",
        DISPUTES,
        PAID,
        RELEASED,
        UNEXPECTED,
        seed=50_360_001,
    ),
    _mutation(
        "the gateway is not asked for disputes",
        CheckJob.report_disputes,
        "for payment in self.ports.gateway.disputed_since(now - DISPUTES_WATCHED):",
        "for payment in ():",
        DISPUTES,
        seed=50_370_011,
    ),
    _mutation(
        "a dispute is announced twice",
        checks._follow_disputes,
        "if before is None:",
        "if True:",
        DISPUTES,
        seed=90_380_009,
    ),
    _mutation(
        "the end of a dispute is not announced",
        checks._follow_disputes,
        'if each.status != "open" and before in (None, "open"):',
        "if False:",
        DISPUTES,
    ),
    _mutation(
        "an open dispute is not looked at again",
        payment_state.scheduled,
        'any(dispute.status == "open" for dispute in payment.disputes) or any(',
        "any(",
        DISPUTES,
        seed=50_400_115,
    ),
    _mutation(
        "a secret of the gateway is stored",
        gateway.MemoryGateway._open,
        'name = f"pay_{len(self.payments) + 1}"',
        'name = f"pay_{len(self.payments) + 1}{SECRET}"',
        SECRETS,
    ),
    _mutation(
        "a capture that failed leaves its order confirmed",
        payment.fail,
        "return Save(failed, (_failed(payment, code),))",
        "return Save(failed, ())",
        PAID,
        STATUSES,
    ),
    _mutation(
        "payment opens a payment for an order that costs nothing",
        payment.on_order_placed,
        "if payment is None and order.total.amount == 0:",
        "if False:",
        FREE,
    ),
    _mutation(
        "the warehouse dispatches goods that are not paid",
        warehouse.on_order_confirmed,
        '"to_pick" if paid else "waiting"',
        '"to_pick"',
        CAPTURED_FIRST,
        IMPLIED,
        PAID,
    ),
    _mutation(
        "a receipt is sent before the money is captured",
        notification.on_order_confirmed,
        "if event.data.total.amount == 0 else Skip()",
        "",
        EMAILS,
        RECEIPTS,
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
        "a follower is given up untried",
        Consumer._handle_group,
        "return failed | {later.message: delay for later in group[n + 1 :]}",
        'return failed | {later.message: 1 for later in group[n + 1 :] if self._dead_letter(later, "gave-up", "")}',
        LAST_TRY,
    ),
    _mutation(
        "throttling counts as a try",
        Consumer._failure,
        "any(isinstance(cause, UntriedError) for cause in causes(error)) or self.is_throttled(error)",
        "False",
        LAST_TRY,
    ),
    _mutation(
        "a message is given up after one try",
        RetryPolicy.decide,
        "failure.tries >= LAST_TRIES",
        "failure.tries >= 1",
        LAST_TRY,
    ),
    _mutation(
        "a message is given up whatever its age",
        RetryPolicy.decide,
        "often and failure.age >= self.age",
        "often",
        LAST_TRY,
        seed=50_510_130,
    ),
    _mutation(
        "a message is given up however rarely it was delivered",
        RetryPolicy.decide,
        "often and failure.age >= self.age",
        "failure.age >= self.age",
        LAST_TRY,
        seed=50_520_005,
    ),
    _mutation(
        "a message waits without a limit",
        RetryPolicy.decide,
        "if not (waited if waits else often and failure.age >= self.age):",
        "if waits or not (often and failure.age >= self.age):",
        LAST_TRY,
        seed=90_530_008,
    ),
    _mutation(
        "a message waits from the time at which it was sent",
        Consumer._failure,
        "now - message.first_received",
        "now - message.sent",
        LAST_TRY,
        seed=50_540_003,
    ),
    _mutation(
        "a message is given up for the wait of the message before it",
        RetryPolicy.decide,
        " and not failure.follows",
        "",
        LAST_TRY,
        seed=50_550_760,
    ),
    _mutation(
        "the in-progress record of another delivery is ignored",
        UnitOfWork._yield_to_other_delivery,
        "if remaining > 0:",
        "if False:",
        EMAILS,
        seed=50_560_246,
    ),
    _mutation(
        "an adjustment announces the level as the difference",
        adjustments._adjust,
        "StockAdjusted(difference=difference,",
        "StockAdjusted(difference=on_hand,",
        STOCK,
        ADJUSTED,
    ),
    _mutation(
        "an adjustment adds the level and not the difference",
        adjustments._adjust,
        "_increment(sku, difference,",
        "_increment(sku, on_hand,",
        STOCK,
    ),
    _mutation(
        "a price changes without a word",
        catalogue.change,
        "PriceChanged(price=price)",
        "PriceChanged(price=entry.price)",
        OFFERED,
    ),
    _mutation(
        "only a sent receipt is announced",
        notification._recorded,
        "(EmailSent(kind=result.kind, message=result.message),)",
        '(EmailSent(kind=result.kind, message=result.message),) if result.kind == "receipt" else ()',
        EMAILS,
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
        seed=50_620_001,
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
        seed=50_641_243,
    ),
    _mutation(
        "a redrive deletes before it sends",
        DeadLetters.redrive,
        "refused = send([original for _, _, original in chosen])",
        "self.queue.delete([each for each, _, _ in chosen]); refused = send([original for _, _, original in chosen])",
        *LOST,
        seed=50_650_068,
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
        "declined orders count",
        fraud._place,
        'Save(Check("placed", order)) if entity.state is None',
        '_count(rules, order, {}, Entity(entity.key, state=Check("placed"))) if entity.state is None',
        FLAGS,
        ALLOWED,
        AGREED,
    ),
    _mutation(
        "an address counts twice",
        CheckedOrder.quotas,
        "Quota(ADDRESS_SPREAD, self.address_number, 1)",
        "Quota(ADDRESS_SPREAD, self.address_number, 2)",
        FLAGS,
    ),
    _mutation(
        "an order to a known address counts none",
        CheckedOrder.quotas,
        "return (orders,)",
        'return (Quota(VELOCITY, "free", 10**6),)',
        ALLOWED,
    ),
    _mutation(
        "the orders of all customers count together",
        Inspector.pseudonymize,
        'self._hash("customer", customer)',
        'self._hash("customer")',
        FLAGS,
    ),
    _mutation(
        "an order counts although a quota is used up",
        fraud.take,
        "at_least=dict.fromkeys(start, 1)",
        "at_least={}",
        ALLOWED,
    ),
    _mutation(
        "a customer's day expires before its messages",
        fraud.take,
        "(order.time // DAY + 1 + KEPT_DAYS) * DAY // 1000",
        "order.time // 1000",
        ALLOWED,
    ),
    _mutation(
        "a flagged order does not stay flagged",
        fraud._flag,
        'Check("flagged", rules=rules)',
        'Check("paid", rules=rules)',
        AGREED,
    ),
    _mutation(
        "a repeated request places another order",
        api.Api.place,
        'request.headers["Idempotency-Key"])',
        'request.headers["Idempotency-Key"] + request.correlation_id)',
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
        orders.cancel_on_demand,
        'if existing(entity).status == "DISPATCHED":',
        "if False:",
        CANCELS,
    ),
    _mutation(
        "an e-mail over the limit is sent",
        LimitedMailer.count,
        "return mark in (found or {})",
        "return True",
        LIMITED,
    ),
    _mutation(
        "an e-mail that is tried again is limited",
        LimitedMailer.count,
        "return mark in (found or {})",
        "return False",
        LIMITED,
        EMAILS,
    ),
    _mutation(
        "an e-mail that is tried again is counted again",
        LimitedMailer.count,
        "start: Numbers = {LEFT: self.per_hour, mark: 1}",
        "start: Numbers = {LEFT: self.per_hour, mark: 9}",
        LIMITED,
    ),
    _mutation(
        "the expiry job cancels confirmed orders",
        orders.expire,
        'if order.status == "PENDING" else Skip()',
        "",
        EXPIRED,
        seed=90_810_015,
    ),
    _mutation(
        "the brake of the expiry job counts no order",
        brake.begin,
        "begun[order] = now",
        "pass",
        BRAKED,
    ),
    _mutation(
        "an event of another source than the contract's producer is handled",
        ContractRegistry.decode,
        "if event.source != contract.producer:",
        "if False:",
    ),
    _mutation(
        "an event from the future is handled",
        event.refuse_future,
        "if event.millis > now + MAX_CLOCK_SKEW:",
        "if False:",
        seed=90_880_027,
    ),
    _mutation(
        "an erased entity's handler sees a delayed event's personal data",
        executor.admitted,
        " and not entity.erased",
        "",
        ERASED,
        MAILED,
    ),
    _mutation(
        "an erasure leaves the outbox as it is",
        EntityCodec.erase,
        "tuple(redacted(body) for body in stored.outbox)",
        "stored.outbox",
        ERASED,
    ),
    _mutation(
        "an erasure leaves the state as it is",
        EntityCodec.erase,
        'redacted(stored.state) if stored.state != "null" else stored.state',
        "stored.state",
        ERASED,
        MAILED,
    ),
    _mutation(
        "an erasure leaves the version, so that a decision begun before it writes the data back",
        EntityCodec.erase,
        "version=stored.version + 1",
        "version=stored.version",
        *PERSONAL,
        seed=50_920_035,
    ),
    _mutation(
        "an event that is announced after an erasure carries personal data",
        advance,
        "UNSET if entity.erased else personal",
        "personal",
        ERASED,
        seed=50_930_005,
    ),
    _mutation(
        "an erasure before the first event leaves no mark",
        EntityCodec.erase,
        "(inbox_key,), erased=True",
        "(inbox_key,), erased=False",
        ERASED,
        ERASURES,
    ),
    _mutation(
        "an erasure leaves the attributes of the indexes as they are",
        UnitOfWork._erase,
        "attributes=self._service.index_attributes(entity)",
        "attributes=stored.attributes",
        ERASED,
        seed=50_950_001,
    ),
    _mutation(
        "an erasure is lost if another writer was first",
        UnitOfWork._erase,
        "stored = conflict.found[self._key]",
        "return Execution(self._decode(conflict.found[self._key]), changed=False)",
        ERASED,
        ERASURES,
        seed=90_910_031,
    ),
    _mutation(
        "a repeated erasure is announced again",
        privacy.erase,
        "if order.erased:",
        "if False:",
        ANNOUNCED_ONCE,
    ),
    _mutation(
        "an order's period of retention begins again after its erasure",
        privacy._ended,
        "order.erased or order.since >= event.time",
        "order.since >= event.time",
        ANNOUNCED_ONCE,
        IMPLIED,
    ),
    _mutation(
        "an order's period of retention counts from the first of its ends that arrives",
        privacy._ended,
        "order.erased or order.since >= event.time",
        "order.erased or order.since",
        IMPLIED,
    ),
    _mutation(
        "live keeps no owner",
        Broadcast.receive,
        "self.owners.record(event.subject, placed.customer, event.millis)",
        "pass",
        OWNERS,
    ),
    _mutation(
        "live notifies a customer of another's order",
        viewers.audience,
        "customers_partition(owner)",
        'customers_partition(owner), customers_partition("customer-0")',
        OWN_EVENTS,
    ),
    _mutation(
        "history keeps the personal data of an erased order",
        Log._record_erasure,
        'self._transact([{"Put": put}, {"Put": erased}])',
        "self._put(put)",
        ERASED,
    ),
    _mutation(
        "history keeps no mark of an erasure",
        Log._record_erasure,
        'ERASED: {"BOOL": True}',
        "",
        ERASED,
    ),
    _mutation(
        "history keeps personal data within the event",
        Log._record_personal,
        "redacted(event.data)",
        "event.data",
        ERASED,
    ),
    _mutation(
        "history loses an event whose personal data was erased before",
        Log._record_personal,
        "return self._put(put) if outcome.refused else outcome.known",
        "return outcome.known",
        RECORDED,
    ),
    _mutation(
        "history loses personal data",
        Log._record_personal,
        '[{"Put": marked}, {"Update": keep}]',
        '[{"Put": put}, {"Update": keep}]',
        RECORDED,
    ),
    _mutation(
        "notification records the e-mails of an erased order as sent",
        notification._send_due,
        'status="withheld"',
        'status="sent"',
        EMAILS,
        IMPLIED,
    ),
    _mutation(
        "the address of a shipment gets lost",
        warehouse.on_order_confirmed,
        "destination = read_personal(event, Destination)",
        "destination = None",
        KEPT,
    ),
    _mutation(
        "an event with a subject that breaks its contract is handled",
        ContractRegistry.decode,
        "version.check_subject(event.subject)",
        "pass",
        seed=91_090_021,
    ),
    _mutation(
        "a recovery does not append what the outbox lacks",
        _Announced.follow,
        "outbox=(*entity.outbox, OutboxEvent(self.logged.body))",
        "outbox=entity.outbox",
        restored="orders",
    ),
    _mutation(
        "a recovery folds an input whose decision announces",
        recalls._is_quiet,
        "not decision.announce and not decision.increments",
        "True",
        restored="inventory",
    ),
    _mutation(
        "a recovery folds an input that may have been handled after a later event",
        Recovery._fold,
        "if not _is_quiet(self._decide(then, event)):",
        "if False:",
        seed=91_120_106,
        restored="warehouse",
    ),
    _mutation(
        "a recovery folds nothing",
        Recovery._fold,
        "if not isinstance(decision, Save) or not _is_quiet(decision):",
        "if True:",
        restored="warehouse",
    ),
    _mutation(
        "a recovery keeps the restored counters",
        Recover._count,
        "if self.recovery.counts is None or self.dry_run:",
        "if True:",
        POINTS,
        restored="loyalty",
    ),
    _mutation(
        "a recovery adds to the restored counters",
        Recover._count,
        "{name: sums[item].get(name, 0) for name in names}",
        "{name: self.table.of.table.numbers(*item).get(name, 0) + sums[item].get(name, 0) for name in names}",
        STOCK,
        restored="inventory",
    ),
    _mutation(
        "a recovery replays nothing",
        Recover._run,
        "if self.replay and not self.dry_run:",
        "if False:",
        restored="fraud",
    ),
    _mutation(
        "a recovery of fraud leaves an order that passed to be judged again",
        fraud_recovery._adopt,
        "if placed is None or",
        "if True or",
        FLAGS,
        restored="fraud",
    ),
    _mutation(
        "a recovery of fraud counts an order again after a crash",
        PaidOrders._increment,
        "once = {mark: 1} | {number",
        "once = {number",
        COUNTED,
        FLAGS,
        seed=91_180_058,
        restored="fraud",
    ),
    _mutation(
        "a recovery does not count e-mails again",
        Recover._recall_entity,
        "effect.perform(self.port)",
        "pass",
        LIMITED,
        restored="notification",
    ),
    _mutation(
        "a recovery of payment asks the gateway nothing",
        payment_recovery._adopt,
        "placed is None or placed.total.amount == 0:",
        "True:",
        seed=91_200_193,
        restored="payment",
    ),
    _mutation(
        "a recovery forgets that a refund is due",
        payment_recovery._after_requested,
        "return scheduled(with_refund(known, refund), event.millis)",
        "return known",
        restored="payment",
    ),
    _mutation(
        "a recovery begins although the log lacks events that wait in history's queue",
        Restores._is_log_behind,
        "return any(",
        "return False and any(",
        restored="orders",
    ),
    _mutation(
        "a recovery does not erase what was erased after the snapshot",
        Recovery.recover,
        "if each.event.type in self._erasures and",
        "if False and",
        seed=91_230_017,
        restored="notification",
    ),
    _mutation(
        "an audit does not publish what the log lacks",
        Audit._publish,
        "self.repair.republisher.republish(service, missing)",
        "pass",
        restored="history",
    ),
]
