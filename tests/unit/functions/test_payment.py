from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.values.money import Money
from functions.payment.gateway import (
    AuthorizationOutcome,
    Authorize,
    Authorized,
    Cancel,
    Cancelled,
    Capture,
    Captured,
    CaptureOutcome,
    Declined,
    NotRefunded,
    Open,
    Opened,
    Outcome,
    Refunded,
    RefundPending,
    Voided,
)
from functions.payment.handlers import (
    Payment,
    Status,
    check_refund,
    on_order_cancelled,
    on_order_confirmed,
    on_order_placed,
)
from functions.payment.service import service
from tests.unit.facts import ORDER, fact, line, order_confirmed, order_placed
from tidings.core.decisions import Decision, Effect, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event
from tidings.testing import Scenario, given, preceded_by

TOTAL = Money(2000, "EUR")
PLACED = fact(order_placed())
CONFIRMED = fact(order_confirmed(), n=2)
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=TOTAL)
CAPTURED = PaymentCaptured(payment="pay_1", amount=TOTAL)
VOIDED = PaymentVoided(payment="pay_1", amount=TOTAL)
REFUNDED = PaymentRefunded(payment="pay_1", amount=TOTAL)
OPEN, AUTHORIZE, CAPTURE, CANCEL = (
    Open(ORDER, TOTAL, "pm_card_visa"),
    Authorize("pay_1"),
    Capture("pay_1"),
    Cancel("pay_1"),
)
OUTCOMES: tuple[Outcome, ...] = (
    Opened("pay_1"),
    Authorized(),
    Captured(),
    Declined("card_declined"),
    Voided(),
    Refunded(TOTAL),
)
STATUSES: tuple[Status, ...] = get_args(Status)
OPEN_STATUSES: tuple[Status, ...] = ("authorizing", "authorized", "captured")


def failed(code: str) -> PaymentFailed:
    return PaymentFailed(payment="pay_1", amount=TOTAL, code=code)


def payment(status: Status) -> Payment:
    since = CANCELLED.time if status == "refunding" else ""
    return Payment(status) if status == "forbidden" else Payment(status, "pay_1", TOTAL, since)


def entity(status: Status | None) -> Entity[Payment]:
    return Entity(ORDER, version=1, state=payment(status)) if status else Entity(ORDER)


def effect_of(decision: Decision[Payment]) -> Effect[Any, Any]:
    assert isinstance(decision, Perform)
    return decision.effect


def after_open(outcome: Opened | Declined, status: Status | None = None) -> Decision[Payment]:
    """Decide on the outcome of an opening that began without a payment, when the payment has this status."""
    decision = on_order_placed(Entity(ORDER), PLACED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


def after_authorize(outcome: Outcome, status: Status = "authorizing") -> Decision[Payment]:
    """Decide on the outcome of an authorization, when the payment has this status."""
    decision = on_order_placed(entity("authorizing"), PLACED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


def after_capture(outcome: Outcome, status: Status = "authorized") -> Decision[Payment]:
    """Decide on the outcome of a capture, when the payment has this status."""
    decision = on_order_confirmed(entity("authorized"), CONFIRMED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


def after_cancel(outcome: Outcome, status: Status) -> Decision[Payment]:
    """Decide on the outcome of a cancellation, when the payment has this status."""
    decision = on_order_cancelled(entity("captured"), CANCELLED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


# The authorization


def test_a_payment_is_opened_for_the_orders_total_by_its_method() -> None:
    assert effect_of(on_order_placed(Entity(ORDER), PLACED)) == OPEN


def test_an_open_payments_id_is_written_before_it_is_authorized() -> None:
    decision = after_open(Opened("pay_1"))
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.effect, decision.repeatable) == (payment("authorizing"), AUTHORIZE, True)


def test_an_amount_that_cannot_be_paid_fails_before_a_payment_is_opened() -> None:
    decision = after_open(Declined("amount_too_small"))
    assert isinstance(decision, Save)
    assert decision.state.status == "failed"
    assert decision.announce == (PaymentFailed(amount=TOTAL, code="amount_too_small"),)


def test_an_order_that_costs_nothing_has_no_payment() -> None:
    nothing = Money(0, "EUR")
    free = fact(order_placed(line("tea", 2, amount=0)))
    given(service).when(free).then(
        state=Payment("not_needed", amount=nothing), announced=[PaymentNotNeeded(amount=nothing)]
    )
    for event in (free, CONFIRMED, CANCELLED):
        given(service, free).when(event).then(writes=0, announced=[])


@pytest.mark.parametrize(
    ("outcome", "status", "announced"),
    [
        (Authorized(), "authorized", (AUTHORIZED,)),
        (Captured(), "authorized", (AUTHORIZED,)),
        (Declined("card_declined"), "failed", (failed("card_declined"),)),
        (Voided(), "failed", (failed("voided"),)),
        (Refunded(TOTAL), "refunded", (REFUNDED, failed("refunded"))),
    ],
)
def test_the_outcome_of_an_authorization_is_recorded_and_announced(
    outcome: AuthorizationOutcome, status: Status, announced: tuple[Any, ...]
) -> None:
    assert after_authorize(outcome) == Save(payment(status), announced)


def test_an_authorization_that_was_begun_is_continued_by_its_stored_id() -> None:
    assert effect_of(on_order_placed(entity("authorizing"), PLACED)) == AUTHORIZE
    assert effect_of(after_open(Opened("pay_1"), "authorizing")) == AUTHORIZE


@pytest.mark.parametrize("status", ["authorized", "captured", "failed", "voided", "refunded"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_payment_that_was_authorized_or_has_ended_is_not_authorized_again(status: Status, outcome: Outcome) -> None:
    assert on_order_placed(entity(status), PLACED) == Skip()
    assert after_authorize(outcome, status) == Skip()
    if isinstance(outcome, Opened | Declined):
        assert after_open(outcome, status) == Skip()


# The capture


def test_an_authorized_payment_is_captured_when_its_order_is_confirmed() -> None:
    assert effect_of(on_order_confirmed(entity("authorized"), CONFIRMED)) == CAPTURE


@pytest.mark.parametrize(
    ("outcome", "status", "announced"),
    [
        (Captured(), "captured", (CAPTURED,)),
        (Declined("authorization_expired"), "failed", (failed("authorization_expired"),)),
        (Voided(), "failed", (failed("voided"),)),
        (Refunded(TOTAL), "refunded", (REFUNDED, failed("refunded"))),
    ],
)
def test_the_outcome_of_a_capture_is_recorded_and_announced(
    outcome: CaptureOutcome, status: Status, announced: tuple[Any, ...]
) -> None:
    assert after_capture(outcome) == Save(payment(status), announced)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "authorized"])
@pytest.mark.parametrize("outcome", [Captured(), Declined("authorization_expired"), Voided(), Refunded(TOTAL)])
def test_only_an_authorized_payment_is_captured(status: Status, outcome: CaptureOutcome) -> None:
    assert on_order_confirmed(entity(status), CONFIRMED) == Skip()
    assert after_capture(outcome, status) == Skip()


def test_the_confirmation_of_an_order_without_a_payment_is_an_error() -> None:
    given(service).when(CONFIRMED).then_fails(PermanentError, "no payment")


# The tombstone


def test_a_cancellation_that_comes_first_forbids_a_payment() -> None:
    assert on_order_cancelled(entity(None), CANCELLED) == Save(payment("forbidden"))


def test_a_forbidden_payment_is_not_opened() -> None:
    assert on_order_placed(entity("forbidden"), PLACED) == Skip()


def test_a_payment_that_was_forbidden_while_it_was_opened_is_cancelled() -> None:
    decision = after_open(Opened("pay_1"), "forbidden")
    assert isinstance(decision, Perform)
    assert decision.effect == CANCEL
    assert decision.then(entity("forbidden"), Voided()) == Skip()


# The cancellation


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_a_cancellation_cancels_a_payment_that_was_begun(status: Status) -> None:
    assert effect_of(on_order_cancelled(entity(status), CANCELLED)) == CANCEL


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_money_that_had_moved_is_refunded(status: Status) -> None:
    assert after_cancel(Refunded(TOTAL), status) == Save(payment("refunded"), (REFUNDED,))


@pytest.mark.parametrize("status", ["authorizing", "authorized"])
def test_a_payment_whose_money_had_not_moved_is_void(status: Status) -> None:
    assert after_cancel(Voided(), status) == Save(payment("voided"), (VOIDED,))


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in OPEN_STATUSES])
@pytest.mark.parametrize("outcome", [Voided(), Refunded(TOTAL), RefundPending(), NotRefunded("failed")])
def test_a_cancellation_changes_nothing_of_a_payment_that_was_undone(status: Status, outcome: Cancelled) -> None:
    assert on_order_cancelled(entity(status), CANCELLED) == Skip()
    if status != "refunding":
        assert after_cancel(outcome, status) == Skip()


def test_the_amount_that_went_back_is_announced_and_not_the_amount_that_was_captured() -> None:
    rest = Money(1500, "EUR")
    decision = after_cancel(Refunded(rest), "captured")
    assert decision == Save(payment("refunded"), (PaymentRefunded(payment="pay_1", amount=rest),))


def test_a_pending_refund_is_stored_and_announces_nothing() -> None:
    assert after_cancel(RefundPending(), "captured") == Save(payment("refunding"))


def test_a_refund_that_failed_is_announced_with_its_code() -> None:
    announcement = RefundFailed(payment="pay_1", amount=TOTAL, code="lost_or_stolen_card")
    decision = after_cancel(NotRefunded("lost_or_stolen_card"), "captured")
    assert decision == Save(payment("refund_failed"), (announcement,))


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (RefundPending(), Skip()),
        (Refunded(TOTAL), Save(replace(payment("refunding"), status="refunded"), (REFUNDED,))),
        (
            NotRefunded("failed"),
            Save(
                replace(payment("refunding"), status="refund_failed"),
                (RefundFailed(payment="pay_1", amount=TOTAL, code="failed"),),
            ),
        ),
    ],
)
def test_a_pending_refund_that_is_looked_at_again_is_recorded(outcome: Cancelled, decision: Decision[Payment]) -> None:
    check = check_refund(entity("refunding"))
    assert isinstance(check, Perform)
    assert check.effect == CANCEL
    assert check.then(entity("refunding"), outcome) == decision


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "refunding"])
def test_only_a_pending_refund_is_looked_at_again(status: Status) -> None:
    assert check_refund(entity(status)) == Skip()


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_decision_on_every_event_and_outcome(status: Status) -> None:
    decisions = [
        on_order_placed(entity(status), PLACED),
        on_order_confirmed(entity(status), CONFIRMED),
        on_order_cancelled(entity(status), CANCELLED),
    ]
    ended: tuple[CaptureOutcome, ...] = (Captured(), Declined("card_declined"), Voided(), Refunded(TOTAL))
    decisions += [after_authorize(outcome, status) for outcome in (Authorized(), *ended)]
    decisions += [after_capture(outcome, status) for outcome in ended]
    decisions += [after_cancel(outcome, status) for outcome in (Voided(), Refunded(TOTAL))]
    assert all(isinstance(decision, Skip | Perform | Reserve | Save) for decision in decisions)


# All the way, over a gateway in memory


@dataclass
class MemoryGateway:
    """A gateway that counts its money. Something may happen before or after a call takes effect."""

    status: str = "none"
    captured: int = 0
    refunded: int = 0
    opened: int = 0
    before: dict[str, list[Callable[[], object]]] = field(default_factory=dict)
    after: dict[str, list[Callable[[], object]]] = field(default_factory=dict)

    def open(self, _order: str, _amount: Money, _method: str) -> Opened:
        if self.status == "none":
            self.status = "open"
            self.opened += 1
        return Opened("pay_1")

    def authorize(self, payment: str) -> AuthorizationOutcome:
        assert payment == "pay_1"
        self._happen(self.before, "authorize")
        if self.status == "open":
            self.status = "authorized"
        answer = Authorized() if self.status == "authorized" else self._ended()
        self._happen(self.after, "authorize")
        return answer

    def capture(self, payment: str) -> CaptureOutcome:
        assert payment == "pay_1"
        self._happen(self.before, "capture")
        if self.status == "authorized":
            self.status = "captured"
            self.captured += 1
        answer = self._ended()
        self._happen(self.after, "capture")
        return answer

    def cancel(self, payment: str) -> Cancelled:
        assert payment == "pay_1"
        if self.status == "captured":
            self.status = "refunded"
            self.refunded += 1
        elif self.status in ("open", "authorized"):
            self.status = "voided"
        return Refunded(TOTAL) if self.status == "refunded" else Voided()

    def _ended(self) -> CaptureOutcome:
        answers: dict[str, CaptureOutcome] = {"captured": Captured(), "voided": Voided(), "refunded": Refunded(TOTAL)}
        return answers[self.status]

    @staticmethod
    def _happen(events: dict[str, list[Callable[[], object]]], call: str) -> None:
        if events.get(call):
            events[call].pop(0)()


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
def scenario(gateway: MemoryGateway) -> Scenario[Payment]:
    return given(service, port=gateway)


def crash() -> None:
    raise TimeoutError("no answer")


def test_an_order_is_authorized_once_however_often_it_is_delivered(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.when(PLACED, PLACED, PLACED).then(state=payment("authorized"), announced=[AUTHORIZED], writes=2)
    assert (gateway.opened, gateway.status, gateway.captured) == (1, "authorized", 0)


def test_an_order_is_captured_once_however_often_it_is_confirmed(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.given(PLACED).when(CONFIRMED, CONFIRMED).then(state=payment("captured"), announced=[CAPTURED], writes=1)
    assert gateway.captured == 1


@pytest.mark.parametrize("events", list(permutations([PLACED, CANCELLED, PLACED, CANCELLED])))
def test_in_any_sequence_of_events_a_cancelled_order_keeps_no_money(
    scenario: Scenario[Payment], gateway: MemoryGateway, events: tuple[Event[Any], ...]
) -> None:
    scenario.when(*events).then()
    assert gateway.captured == 0
    assert gateway.status in ("none", "voided")


@pytest.mark.parametrize("events", list(permutations([PLACED, CONFIRMED, CANCELLED, CANCELLED])))
def test_in_any_sequence_after_the_authorization_a_cancelled_order_keeps_no_money(
    scenario: Scenario[Payment], gateway: MemoryGateway, events: tuple[Event[Any], ...]
) -> None:
    scenario.given(PLACED).when(*events).then()
    assert gateway.captured == gateway.refunded
    assert gateway.status in ("voided", "refunded")


@pytest.mark.parametrize("call", ["authorize", "capture"])
def test_a_cancellation_before_the_money_moves_voids_the_payment(
    scenario: Scenario[Payment], gateway: MemoryGateway, call: str
) -> None:
    gateway.before[call] = [lambda: scenario.given(CANCELLED)]
    scenario.given(PLACED, CONFIRMED)
    assert scenario.state(ORDER) == payment("voided")
    assert scenario.announced(ORDER)[-1] == VOIDED
    assert (gateway.status, gateway.captured) == ("voided", 0)


def test_a_cancellation_after_the_money_moved_refunds_it(scenario: Scenario[Payment], gateway: MemoryGateway) -> None:
    gateway.after["capture"] = [lambda: scenario.given(CANCELLED)]
    scenario.given(PLACED).when(CONFIRMED).then(state=payment("refunded"), announced=[REFUNDED])
    assert (gateway.captured, gateway.refunded) == (1, 1)


def test_a_capture_that_crashed_after_the_money_moved_captures_no_more(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after["authorize"] = [crash] * 5
    gateway.after["capture"] = [crash] * 5
    for event in (PLACED, CONFIRMED):
        for _ in range(5):
            scenario.when(event).then_fails(TimeoutError)
        scenario.when(event).then()
    assert scenario.state(ORDER) == payment("captured")
    assert (gateway.opened, gateway.captured) == (1, 1)


def test_a_capture_that_crashed_and_was_cancelled_is_refunded_for_good(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after["capture"] = [crash]
    scenario.given(PLACED).when(CONFIRMED).then_fails(TimeoutError)
    scenario.when(CANCELLED, CONFIRMED, CANCELLED).then(state=payment("refunded"))
    assert (gateway.captured, gateway.refunded) == (1, 1)


def test_a_cancellation_between_opening_and_writing_leaves_no_open_payment(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(CANCELLED)))
    scenario.when(PLACED).then(state=payment("forbidden"))
    assert (gateway.status, gateway.captured) == ("voided", 0)
