from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations, product
from typing import Any, get_args

import pytest

from functions.payment.gateway import (
    Cancel,
    Captured,
    Confirm,
    Declined,
    Open,
    Opened,
    Outcome,
    Refunded,
    Voided,
    perform,
)
from functions.payment.reactions import Payment, Status, cancel, charge
from functions.payment.service import service
from tests.unit.facts import NOON_MILLIS, ORDER, fact, order_placed
from tests.unit.memory import MemoryTable
from tidings.contracts import Money, OrderCancelled, PaymentCaptured, PaymentFailed, PaymentRefunded
from tidings.decisions import Act, Claim, Commit, Decision, Ignore
from tidings.events import decode
from tidings.item import Item
from tidings.reactor import Reactor

TOTAL = Money(2000, "EUR")
PLACED = fact(order_placed())
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
CAPTURED = PaymentCaptured(payment="pay_1", amount=TOTAL)
REFUNDED = PaymentRefunded(payment="pay_1", amount=TOTAL)
OUTCOMES: tuple[Outcome | None, ...] = (
    None,
    Opened("pay_1"),
    Captured(),
    Declined("card_declined"),
    Voided(),
    Refunded(),
)


def payment(status: Status) -> Payment:
    return Payment(status) if status == "forbidden" else Payment(status, "pay_1", TOTAL)


def item(status: Status | None) -> Item[Payment]:
    return Item(ORDER, version=1, state=payment(status)) if status else Item(ORDER)


def after_placing(status: Status | None, outcome: Outcome | None = None) -> Decision[Payment]:
    return charge(item(status), PLACED, outcome)


def after_cancelling(status: Status | None, outcome: Outcome | None = None) -> Decision[Payment]:
    return cancel(item(status), CANCELLED, outcome)


# The charge


def test_a_payment_is_opened_for_the_orders_total_by_its_method() -> None:
    assert after_placing(None) == Act(Open(ORDER, TOTAL, "pm_card_visa"))


def test_an_open_payments_id_is_written_before_it_is_confirmed() -> None:
    assert after_placing(None, Opened("pay_1")) == Claim(payment("charging"), Confirm("pay_1"), repeatable=True)


def test_an_amount_that_cannot_be_paid_fails_before_anything_is_opened() -> None:
    decision = after_placing(None, Declined("amount_too_small"))
    assert isinstance(decision, Commit)
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
def test_what_came_of_a_confirmation_is_recorded_and_announced(
    outcome: Outcome, status: Status, announcement: Any
) -> None:
    assert after_placing("charging", outcome) == Commit(payment(status), (announcement,))


@pytest.mark.parametrize("outcome", [None, Opened("pay_1")])
def test_a_charge_that_was_begun_is_confirmed_by_its_stored_id(outcome: Outcome | None) -> None:
    assert after_placing("charging", outcome) == Act(Confirm("pay_1"))


@pytest.mark.parametrize("status", ["captured", "failed", "voided", "refunded"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_charge_that_has_ended_is_left_as_it_is(status: Status, outcome: Outcome | None) -> None:
    assert after_placing(status, outcome) == Ignore()


# The tombstone


def test_a_cancellation_that_comes_first_forbids_a_payment() -> None:
    assert after_cancelling(None) == Commit(payment("forbidden"))


def test_no_payment_is_opened_where_it_is_forbidden() -> None:
    assert after_placing("forbidden") == Ignore()


def test_a_payment_opened_in_vain_is_undone() -> None:
    assert after_placing("forbidden", Opened("pay_1")) == Act(Cancel("pay_1"))
    assert after_placing("forbidden", Voided()) == Ignore()


# The cancellation


@pytest.mark.parametrize("status", ["charging", "captured"])
def test_a_cancellation_undoes_what_was_begun(status: Status) -> None:
    assert after_cancelling(status) == Act(Cancel("pay_1"))


@pytest.mark.parametrize("status", ["charging", "captured"])
def test_money_that_had_moved_is_refunded(status: Status) -> None:
    assert after_cancelling(status, Refunded()) == Commit(payment("refunded"), (REFUNDED,))


def test_a_payment_that_had_not_moved_is_void() -> None:
    assert after_cancelling("charging", Voided()) == Commit(payment("voided"), (PaymentFailed(code="voided"),))


@pytest.mark.parametrize("status", ["forbidden", "failed", "voided", "refunded"])
@pytest.mark.parametrize("outcome", [None, Voided(), Refunded()])
def test_where_nothing_is_charged_a_cancellation_changes_nothing(status: Status, outcome: Outcome | None) -> None:
    assert after_cancelling(status, outcome) == Ignore()


def test_every_state_has_an_answer_to_every_outcome() -> None:
    for decide, status, outcome in product((after_placing, after_cancelling), (None, *get_args(Status)), OUTCOMES):
        assert isinstance(decide(status, outcome), Ignore | Act | Claim | Commit)


# The whole way, over a gateway in memory


@dataclass
class MemoryGateway:
    """A gateway that counts its money, where something may happen before or after it moves."""

    status: str = "none"
    captured: int = 0
    refunded: int = 0
    opened: int = 0
    before_confirming: list[Callable[[], None]] = field(default_factory=list)
    after_confirming: list[Callable[[], None]] = field(default_factory=list)

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
    def _happen(events: list[Callable[[], None]]) -> None:
        if events:
            events.pop(0)()


@dataclass
class Bench:
    gateway: MemoryGateway = field(default_factory=MemoryGateway)
    table: MemoryTable = field(default_factory=MemoryTable)

    def deliver(self, *events: Any) -> None:
        for event in events:
            reactor = Reactor(service, self.table, lambda effect: perform(self.gateway, effect), lambda: NOON_MILLIS)
            reactor.order(ORDER).react(event, NOON_MILLIS)

    @property
    def status(self) -> Status:
        state = service.codec.decode(self.table.items[ORDER]).state
        assert state
        return state.status

    def announced(self) -> list[str]:
        return [decode(event).type for event in service.codec.decode(self.table.items[ORDER]).events]


def crash() -> None:
    raise TimeoutError("no answer")


def test_an_order_is_charged_once_however_often_it_is_delivered() -> None:
    bench = Bench()
    bench.deliver(PLACED, PLACED, PLACED)
    assert (bench.status, bench.gateway.captured) == ("captured", 1)
    assert bench.announced() == ["PaymentCaptured"]
    assert len(bench.table.writes) == 2


@pytest.mark.parametrize("events", list(permutations([PLACED, CANCELLED, PLACED, CANCELLED])))
def test_in_whatever_order_a_cancelled_order_has_no_money(events: tuple[Any, ...]) -> None:
    bench = Bench()
    bench.deliver(*events)
    assert bench.gateway.captured == bench.gateway.refunded
    assert bench.gateway.status in ("none", "refunded")


def test_a_cancellation_before_the_money_moves_voids_the_charge() -> None:
    bench = Bench()
    bench.gateway.before_confirming.append(lambda: bench.deliver(CANCELLED))
    bench.deliver(PLACED)
    assert (bench.status, bench.gateway.status, bench.gateway.captured) == ("voided", "voided", 0)
    assert bench.announced() == ["PaymentFailed"]


def test_a_cancellation_after_the_money_moved_refunds_it() -> None:
    bench = Bench()
    bench.gateway.after_confirming.append(lambda: bench.deliver(CANCELLED))
    bench.deliver(PLACED)
    assert (bench.status, bench.gateway.captured, bench.gateway.refunded) == ("refunded", 1, 1)
    assert bench.announced() == ["PaymentRefunded"]


def test_a_charge_that_crashed_after_the_money_moved_captures_no_more() -> None:
    bench = Bench()
    bench.gateway.after_confirming += [crash] * 5
    for _ in range(5):
        with pytest.raises(TimeoutError):
            bench.deliver(PLACED)
    bench.deliver(PLACED)
    assert (bench.status, bench.gateway.opened, bench.gateway.captured) == ("captured", 1, 1)


def test_a_charge_that_crashed_and_was_cancelled_is_refunded_and_stays_so() -> None:
    bench = Bench()
    bench.gateway.after_confirming.append(crash)
    with pytest.raises(TimeoutError):
        bench.deliver(PLACED)
    bench.deliver(CANCELLED, PLACED, CANCELLED)
    assert (bench.status, bench.gateway.captured, bench.gateway.refunded) == ("refunded", 1, 1)


def test_a_cancellation_between_opening_and_writing_leaves_no_open_payment() -> None:
    bench = Bench()

    def cancelled_first(write: Callable[[], None]) -> None:
        bench.deliver(CANCELLED)
        write()

    bench.table.mishaps.append(cancelled_first)
    bench.deliver(PLACED)
    assert (bench.status, bench.gateway.status, bench.gateway.captured) == ("forbidden", "voided", 0)
