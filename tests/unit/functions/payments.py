"""Payments as payment stores them, and a gateway in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_processing import PaymentProcessing
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from contracts.values.money import Money
from functions.payment.gateway import (
    TOO_MUCH,
    ActionRequired,
    Approval,
    AuthorizationOutcome,
    Authorized,
    Captured,
    CaptureOutcome,
    Declined,
    FoundDispute,
    Inspection,
    Labels,
    NotRefunded,
    Opened,
    Origin,
    Processing,
    Refunded,
    RefundOutcome,
    Returned,
    Voided,
    VoidOutcome,
)
from functions.payment.reports import About, PaymentReported, Ports, Report
from functions.payment.service import service
from functions.payment.state import MINUTE, Payment, Refund, RefundStatus, Status
from tests.unit.facts import NOON_MILLIS, ORDER, fact, order_confirmed, order_placed
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Effect, Perform, Reserve
from tidings.core.entity import Entity, OutboxEvent
from tidings.core.event import Event
from tidings.testing import NOON, Scenario, given

T = TypeVar("T")

PAY = "pay_1"
OTHER = "pay_2"
TOTAL = Money(2000, "EUR")
NOTHING = Money(0, "EUR")
SOON = to_rfc3339(NOON_MILLIS + MINUTE)

PLACED = fact(order_placed())
CONFIRMED = fact(order_confirmed(), n=2)
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)

ACTION_REQUIRED = PaymentActionRequired(payment=PAY, amount=TOTAL)
PROCESSING = PaymentProcessing(payment=PAY, amount=TOTAL)
AUTHORIZED = PaymentAuthorized(payment=PAY, amount=TOTAL)
CAPTURED = PaymentCaptured(payment=PAY, amount=TOTAL)
VOIDED = PaymentVoided(payment=PAY, amount=TOTAL)

STATUSES: tuple[Status, ...] = get_args(Status)
UNCAPTURED: tuple[Status, ...] = ("authorizing", "action_required", "processing", "authorized")
ENDED: tuple[Status, ...] = ("forbidden", "not_needed", "failed", "voided")
AUTHORIZATIONS: tuple[AuthorizationOutcome, ...] = (
    ActionRequired(),
    Processing(),
    Authorized(),
    Captured(),
    Declined("card_declined"),
    Voided(),
    Returned(TOTAL),
)
CAPTURES: tuple[CaptureOutcome, ...] = (Captured(), Declined("authorization_expired"), Voided(), Returned(TOTAL))
VOIDS: tuple[VoidOutcome, ...] = (Voided(), Captured(), Processing())


def money(amount: int) -> Money:
    return Money(amount, "EUR")


def failed(code: str) -> PaymentFailed:
    return PaymentFailed(payment=PAY, amount=TOTAL, code=code)


def requested(name: str = "cancellation", amount: Money = TOTAL, **members: Any) -> RefundRequested:
    return replace(RefundRequested(payment=PAY, refund=name, amount=amount, reason="cancelled"), **members)


def refunded(name: str = "cancellation", amount: Money = TOTAL, of: str = PAY) -> PaymentRefunded:
    return PaymentRefunded(payment=of, refund=name, amount=amount)


def refund_failed(code: str, name: str = "cancellation", amount: Money = TOTAL, of: str = PAY) -> RefundFailed:
    return RefundFailed(payment=of, refund=name, amount=amount, code=code)


def unexpected(of: str = OTHER) -> UnexpectedPaymentFound:
    return UnexpectedPaymentFound(payment=of, amount=TOTAL)


def disputed(name: str = "dp_1") -> PaymentDisputed:
    return PaymentDisputed(payment=PAY, dispute=name, amount=TOTAL, reason="fraudulent")


def dispute_closed(outcome: Any, name: str = "dp_1") -> DisputeClosed:
    return DisputeClosed(payment=PAY, dispute=name, amount=TOTAL, outcome=outcome)


def found_dispute(status: Any = "open", name: str = "dp_1") -> FoundDispute:
    return FoundDispute(name, TOTAL, "fraudulent", status)


def payment(status: Status, *refunds: Refund, **members: Any) -> Payment:
    """Return a payment as it is stored with a status, by default one that began to wait at noon."""
    if status == "forbidden":
        return Payment("forbidden", refunds=refunds, **members)
    if status == "not_needed":
        return Payment("not_needed", amount=NOTHING, customer="customer-1", refunds=refunds, **members)
    waits = {"since": NOON, "due": SOON} if status in ("action_required", "processing") else {}
    stored = Payment(status, id=PAY, amount=TOTAL, customer="customer-1", refunds=refunds)
    return replace(stored, **waits | members)


def refund(
    status: RefundStatus = "pending", name: str = "cancellation", amount: Money = TOTAL, **members: Any
) -> Refund:
    """Return a refund, by default the pending one of a cancelled order."""
    stored = Refund(name, PAY, amount, "goodwill", NOON, status)
    if name == "cancellation":
        stored = replace(stored, reason="cancelled", rest=True)
    elif name.startswith("unexpected"):
        stored = replace(stored, reason="unexpected", rest=True)
    return replace(stored, **members)


def entity(state: Payment | Status | None, *announced: Contract) -> Entity[Payment]:
    """Return a stored payment, or one of this status, that has announced these facts."""
    if state is None:
        return Entity(ORDER)
    stored = state if isinstance(state, Payment) else payment(state)
    outbox = tuple(OutboxEvent.of(fact(data, n=n)) for n, data in enumerate(announced or (AUTHORIZED,), 1))
    return Entity(ORDER, version=1, state=stored, outbox=outbox)


def effect_of(decision: Decision[Payment]) -> Effect[Any, Any]:
    assert isinstance(decision, Perform | Reserve)
    return decision.effect


def then(decision: Decision[Payment], found: Entity[Payment], outcome: object) -> Decision[Payment]:
    """Return what is decided on the outcome of an effect, when the payment is stored like this by then."""
    assert isinstance(decision, Perform | Reserve)
    return decision.then(found, outcome)


def reported(about: About, of: str = PAY, n: int = 1, time: str = NOON) -> Event[PaymentReported]:
    return fact(PaymentReported(payment=of, about=about), n=n, time=time)


@dataclass
class Intent:
    """A payment at the gateway.

    Attributes:
        outcome: Its outcome; None while it is open.
        back: The amount that has gone back.
        refunds: The outcomes of its refunds, by attempt.
        disputes: Its disputes.
    """

    outcome: AuthorizationOutcome | None = None
    back: int = 0
    refunds: dict[str, RefundOutcome] = field(default_factory=dict)
    disputes: tuple[FoundDispute, ...] = ()


@dataclass
class MemoryGateway:
    """A gateway in memory. Something may happen before or after a call takes effect.

    Attributes:
        intents: The payments by id.
        authorization: The outcome of an authorization.
        void_outcome: The outcome of a voiding of a payment whose money has not moved.
        refund_outcomes: The outcomes of the next refunds; a refund succeeds by default.
        labelled: The orders of payments, as their labels name them.
        disputed: The payments with a dispute.
        calls: The names of the calls.
        captures: Number of captures that moved money.
    """

    intents: dict[str, Intent] = field(default_factory=dict)
    authorization: AuthorizationOutcome = field(default_factory=Authorized)
    void_outcome: VoidOutcome = field(default_factory=Voided)
    refund_outcomes: list[RefundOutcome] = field(default_factory=list)
    labelled: dict[str, Labels] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    captures: int = 0
    before: dict[str, list[Callable[[], object]]] = field(default_factory=dict)
    after: dict[str, list[Callable[[], object]]] = field(default_factory=dict)

    @property
    def own(self) -> Intent:
        """The order's payment."""
        return self.intents[PAY]

    def open(self, _order: str, _amount: Money, _method: str, _origin: Origin) -> Opened:
        return self._call("open", self._open)

    def find(self, _order: str, _placed: int) -> None:
        return None

    def authorize(self, payment: str) -> AuthorizationOutcome:
        return self._call("authorize", lambda: self._authorize(self.intents[payment]))

    def capture(self, payment: str) -> CaptureOutcome:
        return self._call("capture", lambda: self._capture(self.intents[payment]))

    def void(self, payment: str) -> VoidOutcome:
        return self._call("void", lambda: self._void(self.intents[payment]))

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        return self._call("refund", lambda: self._refund(self.intents[payment], attempt, amount))

    def inspect(self, payment: str) -> Inspection:
        return self._call("inspect", lambda: self._inspect(self.intents[payment]))

    def approval(self, _payment: str) -> Approval | None:
        raise NotImplementedError

    def labels(self, payment: str) -> Labels | None:
        return self._call("labels", lambda: self.labelled.get(payment))

    def disputed_since(self, _time: int) -> Iterator[str]:
        yield from self.disputed

    def _open(self) -> Opened:
        self.intents.setdefault(PAY, Intent())
        return Opened(PAY)

    def _authorize(self, intent: Intent) -> AuthorizationOutcome:
        intent.outcome = intent.outcome or self.authorization
        return intent.outcome

    def _capture(self, intent: Intent) -> CaptureOutcome:
        if intent.outcome == Authorized():
            intent.outcome = Captured()
            self.captures += 1
        assert not isinstance(intent.outcome, Authorized | ActionRequired | Processing | None)
        return intent.outcome

    def _void(self, intent: Intent) -> VoidOutcome:
        if isinstance(intent.outcome, Captured | Returned):
            return Captured()
        if isinstance(self.void_outcome, Voided):
            intent.outcome = Voided()
        return self.void_outcome

    def _refund(self, intent: Intent, attempt: str, amount: Money | None) -> RefundOutcome:
        left = TOTAL.amount - intent.back
        if attempt not in intent.refunds:
            wanted = left if amount is None else amount.amount
            if wanted > left:
                return NotRefunded(TOO_MUCH)
            outcome = self.refund_outcomes.pop(0) if self.refund_outcomes else Refunded(money(wanted))
            intent.refunds[attempt] = outcome
            intent.back += 0 if isinstance(outcome, NotRefunded) else wanted
        return intent.refunds[attempt]

    @staticmethod
    def _inspect(intent: Intent) -> Inspection:
        return Inspection(intent.outcome, TOTAL, dict(intent.refunds), intent.disputes)

    def _call(self, name: str, call: Callable[[], T]) -> T:
        self.calls.append(name)
        self._happen(self.before, name)
        answer = call()
        self._happen(self.after, name)
        return answer

    @staticmethod
    def _happen(events: dict[str, list[Callable[[], object]]], call: str) -> None:
        if events.get(call):
            events[call].pop(0)()


@dataclass
class MemoryReports:
    """The queue of reports in memory."""

    sent: list[Report] = field(default_factory=list)

    def send(self, report: Report) -> None:
        self.sent.append(report)


def scenario_over(gateway: MemoryGateway, reports: MemoryReports | None = None) -> Scenario[Payment]:
    """Return payment over a gateway and the queue of its reports."""
    return given(service, port=Ports(gateway, reports or MemoryReports()))


def crash() -> None:
    raise TimeoutError("no answer")
