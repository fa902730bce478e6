from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations, product
from typing import Any, get_args

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.values.money import Money
from functions.payment.gateway import Cancel, Captured, Confirm, Declined, Open, Opened, Outcome, Refunded, Voided
from functions.payment.handlers import Payment, Status, on_order_cancelled, on_order_placed
from functions.payment.service import service
from tests.unit.facts import ORDER, fact, order_placed
from tidings.core.decisions import Decision, Effect, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.testing import Scenario, given, preceded_by

TOTAL = Money(2000, "EUR")
PLACED = fact(order_placed())
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
CAPTURED = PaymentCaptured(payment="pay_1", amount=TOTAL)
REFUNDED = PaymentRefunded(payment="pay_1", amount=TOTAL)
OUTCOMES: tuple[Outcome, ...] = (Opened("pay_1"), Captured(), Declined("card_declined"), Voided(), Refunded())
OPEN, CONFIRM, CANCEL = Open(ORDER, TOTAL, "pm_card_visa"), Confirm("pay_1"), Cancel("pay_1")


def payment(status: Status) -> Payment:
    return Payment(status) if status == "forbidden" else Payment(status, "pay_1", TOTAL)


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


def after_confirm(outcome: Outcome, status: Status = "charging") -> Decision[Payment]:
    """Decide on the outcome of a confirmation, when the payment has this status."""
    decision = on_order_placed(entity("charging"), PLACED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


def after_cancel(outcome: Outcome, status: Status) -> Decision[Payment]:
    """Decide on the outcome of a cancellation, when the payment has this status."""
    decision = on_order_cancelled(entity("captured"), CANCELLED)
    assert isinstance(decision, Perform)
    return decision.then(entity(status), outcome)


# The charge


def test_a_payment_is_opened_for_the_orders_total_by_its_method() -> None:
    assert effect_of(on_order_placed(Entity(ORDER), PLACED)) == OPEN


def test_an_open_payments_id_is_written_before_it_is_confirmed() -> None:
    decision = after_open(Opened("pay_1"))
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.effect, decision.repeatable) == (payment("charging"), CONFIRM, True)


def test_an_amount_that_cannot_be_paid_fails_before_a_payment_is_opened() -> None:
    decision = after_open(Declined("amount_too_small"))
    assert isinstance(decision, Save)
    assert (decision.state.status, decision.announce) == ("failed", (PaymentFailed(code="amount_too_small"),))


@pytest.mark.parametrize(
    ("outcome", "status", "announcement"),
    [
        (Captured(), "captured", CAPTURED),
        (Declined("card_declined"), "failed", PaymentFailed(code="card_declined")),
        (Voided(), "voided", PaymentFailed(code="voided")),
        (Refunded(), "refunded", REFUNDED),
    ],
)
def test_the_outcome_of_a_confirmation_is_recorded_and_announced(
    outcome: Outcome, status: Status, announcement: Any
) -> None:
    assert after_confirm(outcome) == Save(payment(status), (announcement,))


def test_a_charge_that_was_begun_is_confirmed_by_its_stored_id() -> None:
    assert effect_of(on_order_placed(entity("charging"), PLACED)) == CONFIRM
    assert effect_of(after_open(Opened("pay_1"), "charging")) == CONFIRM


@pytest.mark.parametrize("status", ["captured", "failed", "voided", "refunded"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_charge_that_has_ended_is_not_changed(status: Status, outcome: Outcome) -> None:
    assert on_order_placed(entity(status), PLACED) == Skip()
    assert after_confirm(outcome, status) == Skip()
    if isinstance(outcome, Opened | Declined):
        assert after_open(outcome, status) == Skip()


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


@pytest.mark.parametrize("status", ["charging", "captured"])
def test_a_cancellation_cancels_a_payment_that_was_begun(status: Status) -> None:
    assert effect_of(on_order_cancelled(entity(status), CANCELLED)) == CANCEL


@pytest.mark.parametrize("status", ["charging", "captured"])
def test_money_that_had_moved_is_refunded(status: Status) -> None:
    assert after_cancel(Refunded(), status) == Save(payment("refunded"), (REFUNDED,))


def test_a_payment_whose_money_had_not_moved_is_void() -> None:
    assert after_cancel(Voided(), "charging") == Save(payment("voided"), (PaymentFailed(code="voided"),))


@pytest.mark.parametrize("status", ["forbidden", "failed", "voided", "refunded"])
@pytest.mark.parametrize("outcome", [Voided(), Refunded()])
def test_a_cancellation_changes_nothing_of_a_payment_that_charges_nothing(status: Status, outcome: Outcome) -> None:
    assert on_order_cancelled(entity(status), CANCELLED) == Skip()
    assert after_cancel(outcome, status) == Skip()


def test_every_status_has_a_decision_on_every_outcome() -> None:
    statuses: tuple[Status, ...] = get_args(Status)
    for status, outcome in product(statuses, OUTCOMES):
        for decision in (
            on_order_placed(entity(status), PLACED),
            on_order_cancelled(entity(status), CANCELLED),
            after_confirm(outcome, status),
            after_cancel(outcome, status),
        ):
            assert isinstance(decision, Skip | Perform | Reserve | Save)


# All the way, over a gateway in memory


@dataclass
class MemoryGateway:
    """A gateway that counts its money. Something may happen before or after money moves."""

    status: str = "none"
    captured: int = 0
    refunded: int = 0
    opened: int = 0
    before_confirming: list[Callable[[], object]] = field(default_factory=list)
    after_confirming: list[Callable[[], object]] = field(default_factory=list)

    def open(self, _order: str, _amount: Money, _method: str) -> Opened:
        if self.status == "none":
            self.status = "open"
            self.opened += 1
        return Opened("pay_1")

    def confirm(self, payment: str) -> Captured | Declined | Voided | Refunded:
        assert payment == "pay_1"
        self._happen(self.before_confirming)
        if self.status == "open":
            self.status = "captured"
            self.captured += 1
        answers: dict[str, Captured | Voided | Refunded] = {
            "captured": Captured(),
            "voided": Voided(),
            "refunded": Refunded(),
        }
        answer = answers[self.status]
        self._happen(self.after_confirming)
        return answer

    def cancel(self, payment: str) -> Voided | Refunded:
        assert payment == "pay_1"
        if self.status == "captured":
            self.status = "refunded"
            self.refunded += 1
        elif self.status == "open":
            self.status = "voided"
        return Refunded() if self.status == "refunded" else Voided()

    @staticmethod
    def _happen(events: list[Callable[[], object]]) -> None:
        if events:
            events.pop(0)()


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
def scenario(gateway: MemoryGateway) -> Scenario[Payment]:
    return given(service, port=gateway)


def crash() -> None:
    raise TimeoutError("no answer")


def test_an_order_is_charged_once_however_often_it_is_delivered(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.when(PLACED, PLACED, PLACED).then(state=payment("captured"), announced=[CAPTURED], writes=2)
    assert gateway.captured == 1


@pytest.mark.parametrize("events", list(permutations([PLACED, CANCELLED, PLACED, CANCELLED])))
def test_in_any_sequence_of_events_a_cancelled_order_keeps_no_money(
    scenario: Scenario[Payment], gateway: MemoryGateway, events: tuple[Event[Any], ...]
) -> None:
    scenario.when(*events).then()
    assert gateway.captured == gateway.refunded
    assert gateway.status in ("none", "refunded")


def test_a_cancellation_before_the_money_moves_voids_the_charge(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.before_confirming.append(lambda: scenario.given(CANCELLED))
    scenario.when(PLACED).then(state=payment("voided"), announced=[PaymentFailed(code="voided")])
    assert (gateway.status, gateway.captured) == ("voided", 0)


def test_a_cancellation_after_the_money_moved_refunds_it(scenario: Scenario[Payment], gateway: MemoryGateway) -> None:
    gateway.after_confirming.append(lambda: scenario.given(CANCELLED))
    scenario.when(PLACED).then(state=payment("refunded"), announced=[REFUNDED])
    assert (gateway.captured, gateway.refunded) == (1, 1)


def test_a_charge_that_crashed_after_the_money_moved_captures_no_more(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after_confirming += [crash] * 5
    for _ in range(5):
        scenario.when(PLACED).then_fails(TimeoutError)
    scenario.when(PLACED).then(state=payment("captured"))
    assert (gateway.opened, gateway.captured) == (1, 1)


def test_a_charge_that_crashed_and_was_cancelled_is_refunded_for_good(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after_confirming.append(crash)
    scenario.when(PLACED).then_fails(TimeoutError)
    scenario.when(CANCELLED, PLACED, CANCELLED).then(state=payment("refunded"))
    assert (gateway.captured, gateway.refunded) == (1, 1)


def test_a_cancellation_between_opening_and_writing_leaves_no_open_payment(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(CANCELLED)))
    scenario.when(PLACED).then(state=payment("forbidden"))
    assert (gateway.status, gateway.captured) == ("voided", 0)
