from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.money import Money
from functions.payment.check import check
from functions.payment.gateway import (
    ActionRequired,
    AuthorizationOutcome,
    Authorize,
    Authorized,
    Capture,
    Captured,
    CaptureOutcome,
    Declined,
    MakeRefund,
    Open,
    Opened,
    Origin,
    Processing,
    Refunded,
    Returned,
    Void,
    Voided,
    VoidOutcome,
)
from functions.payment.handlers import follow_authorization, on_order_cancelled, on_order_confirmed, on_order_placed
from functions.payment.service import service
from functions.payment.state import DAY, MINUTE, Payment, Status
from tests.unit.facts import NOON_MILLIS, ORDER, fact, line, order_placed
from tests.unit.functions.payments import (
    ACTION_REQUIRED,
    AUTHORIZATIONS,
    AUTHORIZED,
    CANCELLED,
    CAPTURED,
    CAPTURES,
    CONFIRMED,
    ENDED,
    NOTHING,
    OTHER,
    PAY,
    PLACED,
    PROCESSING,
    SOON,
    STATUSES,
    TOTAL,
    UNCAPTURED,
    VOIDED,
    VOIDS,
    MemoryGateway,
    crash,
    effect_of,
    entity,
    failed,
    money,
    payment,
    refund,
    refunded,
    requested,
    scenario_over,
    then,
)
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event
from tidings.testing import CORRELATION_ID, TRACEPARENT, Scenario, given, lost_answer, preceded_by

AUTHORIZE, CAPTURE, VOID = Authorize(PAY), Capture(PAY), Void(PAY)
REFUND = MakeRefund(PAY, f"{ORDER}/cancellation/1", None)


def after_open(outcome: Opened | Declined, found: Payment | Status | None = None) -> Decision[Payment]:
    """Decide on the outcome of an opening that began without a payment."""
    return then(on_order_placed(Entity(ORDER), PLACED), entity(found), outcome)


def after_authorize(outcome: AuthorizationOutcome, found: Payment | Status = "authorizing") -> Decision[Payment]:
    return then(on_order_placed(entity("authorizing"), PLACED), entity(found), outcome)


def after_capture(outcome: CaptureOutcome, found: Payment | Status = "authorized") -> Decision[Payment]:
    return then(on_order_confirmed(entity("authorized"), CONFIRMED), entity(found), outcome)


def after_void(outcome: VoidOutcome, found: Payment | Status = "authorized") -> Decision[Payment]:
    """Decide on the outcome of a voiding that began because the order was cancelled."""
    return then(on_order_cancelled(entity("authorized"), CANCELLED), entity(found), outcome)


# The authorization


def test_a_payment_is_opened_for_the_orders_total_by_its_method_with_the_origin_of_its_request() -> None:
    origin = Origin(CORRELATION_ID, TRACEPARENT)
    opening = Open(ORDER, TOTAL, "pm_card_visa", origin, PLACED.millis)
    assert effect_of(on_order_placed(Entity(ORDER), PLACED)) == opening


def test_an_open_payments_id_is_written_before_it_is_authorized() -> None:
    decision = after_open(Opened(PAY))
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.effect, decision.repeatable) == (payment("authorizing"), AUTHORIZE, True)


def test_an_amount_that_cannot_be_paid_fails_before_a_payment_is_opened() -> None:
    decision = after_open(Declined("amount_too_small"))
    unopened = Payment("failed", amount=TOTAL, customer="customer-1")
    assert decision == Save(unopened, (PaymentFailed(amount=TOTAL, code="amount_too_small"),))


def test_an_order_that_costs_nothing_has_no_payment() -> None:
    free = fact(order_placed(line("tea", 2, amount=0)))
    given(service).when(free).then(state=payment("not_needed"), announced=[PaymentNotNeeded(amount=NOTHING)])
    for event in (free, CONFIRMED, CANCELLED):
        given(service, free).when(event).then(writes=0, announced=[])


@pytest.mark.parametrize(
    ("outcome", "status", "announced"),
    [
        (ActionRequired(), "action_required", (ACTION_REQUIRED,)),
        (Processing(), "processing", (PROCESSING,)),
        (Authorized(), "authorized", (AUTHORIZED,)),
        (Captured(), "authorized", (AUTHORIZED,)),
        (Declined("card_declined"), "failed", (failed("card_declined"),)),
        (Voided(), "failed", (failed("voided"),)),
        (Returned(TOTAL), "failed", (refunded("dashboard"), failed("refunded"))),
    ],
)
@pytest.mark.parametrize("before", ["authorizing", "action_required", "processing"])
def test_the_outcome_of_an_authorization_is_recorded_and_announced(
    before: Status, outcome: AuthorizationOutcome, status: Status, announced: tuple[Contract, ...]
) -> None:
    decision = follow_authorization(payment(before), outcome, NOON_MILLIS)
    assert decision == Save(payment(status), () if before == status else announced)
    if before == "authorizing":
        assert after_authorize(outcome) == decision


@pytest.mark.parametrize(("outcome", "status"), [(ActionRequired(), "action_required"), (Processing(), "processing")])
def test_a_payment_that_still_waits_is_looked_at_again_later_and_later(
    outcome: AuthorizationOutcome, status: Status
) -> None:
    for waited, delay in ((0, MINUTE), (5 * MINUTE, MINUTE), (20 * MINUTE, 2 * MINUTE), (30 * DAY, DAY)):
        now = NOON_MILLIS + waited
        later = payment(status, due=to_rfc3339(now + delay))
        assert follow_authorization(payment(status), outcome, now) == Save(later)


@pytest.mark.parametrize("outcome", [outcome for outcome in AUTHORIZATIONS if outcome != ActionRequired()])
def test_the_pending_refund_of_another_payment_stays_watched_when_the_orders_own_stops_waiting(
    outcome: AuthorizationOutcome,
) -> None:
    waiting = payment("action_required", refund(name=f"unexpected-{OTHER}", payment=OTHER))
    decision = follow_authorization(waiting, outcome, NOON_MILLIS)
    assert isinstance(decision, Save)
    assert decision.state.due == SOON
    for ended in (
        after_void(Voided(), waiting),
        after_capture(Declined("expired"), replace(waiting, status="authorized")),
    ):
        assert isinstance(ended, Save)
        assert ended.state.due == SOON


def test_an_authorization_that_was_begun_is_continued_by_its_stored_id() -> None:
    assert effect_of(on_order_placed(entity("authorizing"), PLACED)) == AUTHORIZE
    assert effect_of(after_open(Opened(PAY), "authorizing")) == AUTHORIZE


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "authorizing"])
@pytest.mark.parametrize("outcome", AUTHORIZATIONS)
def test_a_payment_that_was_authorized_or_has_ended_is_not_authorized_again(
    status: Status, outcome: AuthorizationOutcome
) -> None:
    assert on_order_placed(entity(status), PLACED) == Skip()
    assert after_authorize(outcome, status) == Skip()
    assert after_open(Declined("card_declined"), status) == Skip()
    if status != "forbidden":
        assert after_open(Opened(PAY), status) == Skip()


# The capture


def test_an_authorized_payment_is_captured_when_its_order_is_confirmed() -> None:
    assert effect_of(on_order_confirmed(entity("authorized"), CONFIRMED)) == CAPTURE


@pytest.mark.parametrize(
    ("outcome", "status", "announced"),
    [
        (Captured(), "captured", (CAPTURED,)),
        (Declined("authorization_expired"), "failed", (failed("authorization_expired"),)),
        (Voided(), "failed", (failed("voided"),)),
        (Returned(TOTAL), "failed", (refunded("dashboard"), failed("refunded"))),
    ],
)
def test_the_outcome_of_a_capture_is_recorded_and_announced(
    outcome: CaptureOutcome, status: Status, announced: tuple[Contract, ...]
) -> None:
    assert after_capture(outcome) == Save(payment(status), announced)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "authorized"])
@pytest.mark.parametrize("outcome", CAPTURES)
def test_the_outcome_of_a_capture_changes_nothing_of_a_payment_that_another_delivery_changed(
    status: Status, outcome: CaptureOutcome
) -> None:
    assert after_capture(outcome, status) == Skip()


@pytest.mark.parametrize("status", ["captured", *ENDED])
def test_a_payment_that_was_captured_or_has_ended_is_not_captured_again(status: Status) -> None:
    assert on_order_confirmed(entity(status), CONFIRMED) == Skip()


@pytest.mark.parametrize("status", [None, "authorizing", "action_required", "processing"])
def test_the_confirmation_of_an_order_without_an_authorization_is_an_error_that_an_operator_sees(
    status: Status | None,
) -> None:
    with pytest.raises(PermanentError) as refusal:
        on_order_confirmed(entity(status), CONFIRMED)
    assert refusal.value.reason == "unknown-payment"


def test_the_confirmation_of_an_order_that_was_cancelled_while_its_bank_decides_captures_nothing() -> None:
    assert on_order_confirmed(entity(payment("processing", cancelled=True)), CONFIRMED) == Skip()


# The tombstone


def test_a_cancellation_that_comes_first_forbids_a_payment() -> None:
    assert on_order_cancelled(entity(None), CANCELLED) == Save(payment("forbidden"))


def test_a_payment_that_was_forbidden_while_it_was_opened_is_voided() -> None:
    decision = after_open(Opened(PAY), "forbidden")
    assert effect_of(decision) == VOID
    assert then(decision, entity("forbidden"), Voided()) == Skip()


# The cancellation


@pytest.mark.parametrize("status", UNCAPTURED)
def test_a_cancellation_voids_a_payment_whose_money_has_not_moved(status: Status) -> None:
    assert effect_of(on_order_cancelled(entity(status), CANCELLED)) == VOID
    assert after_void(Voided(), status) == Save(payment("voided"), (VOIDED,))


@pytest.mark.parametrize("status", UNCAPTURED)
def test_a_cancellation_refunds_money_that_has_moved_although_its_capture_was_not_recorded(status: Status) -> None:
    decision = after_void(Captured(), status)
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.announce) == (payment("captured", refund(), due=SOON), (requested(),))
    assert (decision.effect, decision.repeatable) == (REFUND, True)


@pytest.mark.parametrize("status", UNCAPTURED)
def test_a_payment_that_cannot_be_voided_before_the_bank_decides_is_looked_at_again(status: Status) -> None:
    announced = () if status in ("processing", "authorized") else (PROCESSING,)
    assert after_void(Processing(), status) == Save(payment("processing", cancelled=True), announced)


def test_a_void_whose_answer_is_older_than_the_authorization_does_not_announce_again_that_the_bank_decides() -> None:
    decision = after_void(Processing(), payment("authorized"))
    assert isinstance(decision, Save)
    assert not decision.announce
    assert effect_of(check(entity(decision.state), PAY, NOON_MILLIS)) == VOID


def test_a_payment_waits_from_when_it_began_to_wait_and_not_from_the_cancellation() -> None:
    asked = payment("action_required", since=to_rfc3339(NOON_MILLIS - 30 * MINUTE))
    decision = after_void(Processing(), asked)
    assert isinstance(decision, Save)
    assert (decision.state.since, decision.state.due) == (asked.since, to_rfc3339(NOON_MILLIS + 3 * MINUTE))


@pytest.mark.parametrize("outcome", VOIDS)
def test_a_cancellation_refunds_a_payment_that_was_captured_while_it_was_voided(outcome: VoidOutcome) -> None:
    decision = after_void(outcome, "captured")
    assert isinstance(decision, Reserve)
    assert decision.effect == REFUND
    begun = payment("captured", refund(), due=SOON)
    assert effect_of(after_void(outcome, begun)) == REFUND


@pytest.mark.parametrize("outcome", VOIDS)
@pytest.mark.parametrize("status", ENDED)
def test_a_cancellation_changes_nothing_of_a_payment_that_has_ended(status: Status, outcome: VoidOutcome) -> None:
    assert on_order_cancelled(entity(status), CANCELLED) == Skip()
    assert after_void(outcome, status) == Skip()


def test_a_cancellation_refunds_a_captured_payment_after_the_intent_is_written() -> None:
    decision = on_order_cancelled(entity("captured"), CANCELLED)
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.announce) == (payment("captured", refund(), due=SOON), (requested(),))
    assert decision.effect == REFUND


def test_a_cancellation_continues_its_refund_that_was_begun_and_no_other() -> None:
    begun = payment("captured", refund(), due=SOON)
    decision = on_order_cancelled(entity(begun), CANCELLED)
    assert isinstance(decision, Perform)
    assert decision.effect == REFUND
    for status in ("succeeded", "failed", "settled"):
        ended = payment("captured", refund(status))
        assert on_order_cancelled(entity(ended), CANCELLED) == Skip()
        assert then(decision, entity(ended), Refunded(TOTAL)) == Skip()


# Any status


@pytest.mark.parametrize("status", STATUSES)
def test_a_stored_payment_is_read_as_it_was_written(status: Status) -> None:
    stored = payment(status, refund("failed", code="lost", attempt=3), refund(name="a", amount=money(5)))
    scenario = given(service, entity(stored))
    assert scenario.state(ORDER) == stored


# All the way, over a gateway in memory


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
def scenario(gateway: MemoryGateway) -> Scenario[Payment]:
    return scenario_over(gateway)


def test_an_order_is_authorized_once_however_often_it_is_delivered(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.when(PLACED, PLACED, PLACED).then(state=payment("authorized"), announced=[AUTHORIZED], writes=2)
    assert gateway.calls == ["open", "authorize"]


def test_an_order_is_captured_once_however_often_it_is_confirmed(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.given(PLACED).when(CONFIRMED, CONFIRMED).then(state=payment("captured"), announced=[CAPTURED], writes=1)
    assert gateway.captures == 1


@pytest.mark.parametrize("authorization", AUTHORIZATIONS[:-1])
@pytest.mark.parametrize("events", list(permutations([PLACED, CANCELLED, PLACED, CANCELLED])))
def test_in_any_sequence_of_events_a_cancelled_order_keeps_no_money(
    scenario: Scenario[Payment],
    gateway: MemoryGateway,
    events: tuple[Event[Any], ...],
    authorization: AuthorizationOutcome,
) -> None:
    gateway.authorization = authorization
    scenario.when(*events).then()
    if gateway.intents:
        assert isinstance(gateway.own.outcome, Voided | Declined) or gateway.own.back == TOTAL.amount


@pytest.mark.parametrize("events", list(permutations([PLACED, CONFIRMED, CANCELLED, CANCELLED])))
def test_in_any_sequence_after_the_authorization_a_cancelled_order_keeps_no_money(
    scenario: Scenario[Payment], gateway: MemoryGateway, events: tuple[Event[Any], ...]
) -> None:
    scenario.given(PLACED).when(*events).then()
    assert gateway.own.back == gateway.captures * TOTAL.amount
    assert gateway.own.outcome in (Voided(), Captured())
    state = scenario.state(ORDER)
    assert state
    assert state.status in ("voided", "captured")


@pytest.mark.parametrize("call", ["authorize", "capture"])
def test_a_cancellation_before_the_money_moves_voids_the_payment(
    scenario: Scenario[Payment], gateway: MemoryGateway, call: str
) -> None:
    gateway.before[call] = [lambda: scenario.given(CANCELLED)]
    scenario.given(PLACED, CONFIRMED)
    assert scenario.state(ORDER) == payment("voided")
    assert scenario.announced(ORDER)[-1] == VOIDED
    assert (gateway.own.outcome, gateway.captures) == (Voided(), 0)


def test_a_cancellation_after_the_money_moved_refunds_it_and_sends_no_receipt(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after["capture"] = [lambda: scenario.given(CANCELLED)]
    scenario.given(PLACED).when(CONFIRMED).then(announced=[requested(), refunded()])
    assert (gateway.captures, gateway.own.back) == (1, TOTAL.amount)


def test_a_payment_that_is_captured_while_it_is_voided_is_refunded(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.before["void"] = [lambda: scenario.given(CONFIRMED)]
    scenario.given(PLACED).when(CANCELLED).then(announced=[CAPTURED, requested(), refunded()])
    assert (gateway.captures, gateway.own.back) == (1, TOTAL.amount)


def test_a_payment_whose_order_is_cancelled_when_its_customer_approves_is_voided(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.authorization = ActionRequired()

    def approve() -> None:
        gateway.own.outcome = Authorized()

    gateway.before["void"] = [approve]
    scenario.given(PLACED).when(CANCELLED).then(state=payment("voided"), announced=[VOIDED])
    assert gateway.own.outcome == Voided()


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
    assert gateway.captures == 1


def test_a_capture_that_crashed_and_was_cancelled_is_refunded_for_good(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.after["capture"] = [crash]
    scenario.given(PLACED).when(CONFIRMED).then_fails(TimeoutError)
    scenario.when(CANCELLED, CONFIRMED, CANCELLED).then(announced=[requested(), refunded()])
    assert (gateway.captures, gateway.own.back) == (1, TOTAL.amount)


@pytest.mark.parametrize("faults", [("before", "refund"), ("after", "refund")])
def test_a_cancellation_that_crashed_at_its_refund_makes_one_refund(
    scenario: Scenario[Payment], gateway: MemoryGateway, faults: tuple[str, str]
) -> None:
    scenario.given(PLACED, CONFIRMED)
    getattr(gateway, faults[0])[faults[1]] = [crash] * 3
    for _ in range(3):
        scenario.when(CANCELLED).then_fails(TimeoutError)
    scenario.when(CANCELLED, CANCELLED).then(announced=[refunded()], writes=1)
    assert gateway.own.refunds == {REFUND.attempt: Refunded(TOTAL)}
    assert [type(data).__name__ for data in scenario.announced(ORDER)].count("RefundRequested") == 1


def test_a_refund_whose_intent_or_outcome_was_written_without_an_answer_is_made_once(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.given(PLACED, CONFIRMED)
    for fault in (lost_answer, lost_answer):
        scenario.table.commit_faults.next(fault)
        scenario.when(CANCELLED)
    scenario.when(CANCELLED).then()
    assert list(gateway.own.refunds) == [REFUND.attempt]
    assert scenario.announced(ORDER)[-2:] == [requested(), refunded()]


def test_a_cancellation_between_opening_and_writing_leaves_no_open_payment(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(CANCELLED)))
    scenario.when(PLACED).then(state=payment("forbidden"))
    assert (gateway.own.outcome, gateway.captures) == (Voided(), 0)


def test_a_forbidden_order_opens_no_payment(scenario: Scenario[Payment], gateway: MemoryGateway) -> None:
    scenario.given(CANCELLED).when(PLACED).then(state=payment("forbidden"), writes=0)
    assert gateway.calls == []


def test_the_customer_who_may_approve_a_payment_is_the_one_who_placed_the_order(
    scenario: Scenario[Payment],
) -> None:
    scenario.given(fact(order_placed(customer="customer-7")))
    state = scenario.state(ORDER)
    assert state
    assert (state.customer, state.amount) == ("customer-7", Money(2000, "EUR"))
