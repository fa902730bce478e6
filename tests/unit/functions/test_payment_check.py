from collections.abc import Callable
from typing import Any

import pytest

from functions.payment.check import check, on_payment_reported
from functions.payment.gateway import (
    ActionRequired,
    AuthorizationOutcome,
    Authorized,
    Captured,
    Declined,
    Inspect,
    Inspection,
    MakeRefund,
    NotRefunded,
    Processing,
    Refunded,
    RefundPending,
    Returned,
    Void,
    Voided,
)
from functions.payment.refunds import retry_refund
from functions.payment.reports import About
from functions.payment.state import DAY, MINUTE, Dispute, Payment, Refund, Status
from tests.unit.facts import NOON_MILLIS, ORDER
from tests.unit.functions.payments import (
    ACTION_REQUIRED,
    AUTHORIZATIONS,
    AUTHORIZED,
    CANCELLED,
    CONFIRMED,
    OTHER,
    PAY,
    PLACED,
    PROCESSING,
    SOON,
    STATUSES,
    TOTAL,
    VOIDED,
    Intent,
    MemoryGateway,
    crash,
    dispute_closed,
    disputed,
    effect_of,
    entity,
    failed,
    found_dispute,
    money,
    payment,
    refund,
    refund_failed,
    refunded,
    reported,
    requested,
    scenario_over,
    then,
    unexpected,
)
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.errors import PermanentError
from tidings.testing import Execute, Scenario, lost_answer

NOW = NOON_MILLIS
TOMORROW = to_rfc3339(NOW + DAY)
REVERSAL = f"unexpected-{OTHER}"


def found(outcome: AuthorizationOutcome | None, *disputes: Any, **refunds: Any) -> Inspection:
    """Return what the gateway knows; the refunds' outcomes by the names of their first attempts."""
    attempts = {f"{ORDER}/{name}/1": outcome for name, outcome in refunds.items()}
    return Inspection(outcome, TOTAL, attempts, disputes)


def after_inspect(state: Payment | Status, inspection: Inspection, of: str = PAY, now: int = NOW) -> Decision[Payment]:
    stored = entity(state)
    return then(check(stored, of, now), stored, inspection)


# Reports


ABOUTS: tuple[About, ...] = ("authorized", "captured", "ended", "refund", "dispute")
CONCERNING: dict[About, set[Status]] = {
    "authorized": {"action_required", "processing", "failed", "voided"},
    "captured": {"action_required", "processing", "failed", "voided"},
    "ended": {"action_required", "processing", "authorized"},
    "refund": {"authorized", "captured", "failed", "voided"},
    "dispute": {"authorized", "captured", "failed", "voided"},
}


@pytest.mark.parametrize("about", ABOUTS)
@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("forbidden", "not_needed")])
def test_a_report_asks_the_gateway_only_if_it_can_change_the_payment(status: Status, about: About) -> None:
    decision = on_payment_reported(entity(status), reported(about))
    if status in CONCERNING[about]:
        assert effect_of(decision) == Inspect(PAY)
    else:
        assert decision == Skip()


@pytest.mark.parametrize("about", ABOUTS)
@pytest.mark.parametrize("status", STATUSES)
def test_a_report_about_another_payment_of_the_order_always_asks_the_gateway(status: Status, about: About) -> None:
    assert effect_of(on_payment_reported(entity(status), reported(about, OTHER))) == Inspect(OTHER)


def test_a_report_about_an_order_without_a_payment_is_an_error_that_an_operator_sees() -> None:
    with pytest.raises(PermanentError) as refusal:
        on_payment_reported(entity(None), reported("authorized"))
    assert refusal.value.reason == "unknown-payment"


def test_an_order_without_a_payment_has_nothing_to_check() -> None:
    assert check(entity(None), PAY, NOW) == Skip()
    assert then(check(entity("captured"), PAY, NOW), entity(None), found(Captured())) == Skip()


# An answer that is older than the payment


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "action_required"])
@pytest.mark.parametrize("outcome", AUTHORIZATIONS)
def test_an_answer_is_asked_for_again_if_the_payment_has_changed_meanwhile(
    status: Status, outcome: AuthorizationOutcome
) -> None:
    begun = check(entity("action_required"), PAY, NOW)
    assert effect_of(then(begun, entity(status), found(outcome))) == Inspect(PAY)


def test_a_payment_that_is_cancelled_while_it_is_inspected_is_voided() -> None:
    cancelled = entity(payment("processing", cancelled=True))
    assert effect_of(then(check(entity("processing"), PAY, NOW), cancelled, found(Authorized()))) == Void(PAY)


# An authorization under way


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
@pytest.mark.parametrize("before", ["action_required", "processing"])
def test_a_payment_that_waits_is_recorded_as_the_gateway_knows_it(
    before: Status, outcome: AuthorizationOutcome, status: Status, announced: tuple[Contract, ...]
) -> None:
    news = () if before == status else announced
    assert after_inspect(before, found(outcome)) == Save(payment(status), news)


@pytest.mark.parametrize("outcome", [None, *AUTHORIZATIONS])
def test_an_authorization_that_was_begun_is_left_to_its_own_delivery(outcome: AuthorizationOutcome | None) -> None:
    assert after_inspect("authorizing", found(outcome)) == Skip()


# An authorized payment


@pytest.mark.parametrize(
    ("outcome", "announced"),
    [
        (Declined("authorization_expired"), (failed("authorization_expired"),)),
        (Voided(), (failed("voided"),)),
        (Returned(TOTAL), (refunded("dashboard"), failed("refunded"))),
    ],
)
def test_an_authorization_that_expired_or_was_withdrawn_fails(
    outcome: AuthorizationOutcome, announced: tuple[Contract, ...]
) -> None:
    assert after_inspect("authorized", found(outcome)) == Save(payment("failed"), announced)


@pytest.mark.parametrize("outcome", [None, ActionRequired(), Processing(), Authorized(), Captured()])
def test_an_authorized_payment_is_captured_by_its_orders_confirmation_only(
    outcome: AuthorizationOutcome | None,
) -> None:
    assert after_inspect("authorized", found(outcome)) == Skip()


# A payment of a cancelled order, which its bank had not decided yet


def waiting_cancelled() -> Payment:
    return payment("processing", cancelled=True)


def test_the_payment_of_a_cancelled_order_is_voided_once_its_bank_has_decided() -> None:
    stored = entity(waiting_cancelled())
    decision = check(stored, PAY, NOW)
    assert effect_of(decision) == Void(PAY)
    assert then(decision, stored, Voided()) == Save(payment("voided"), (VOIDED,))
    later = NOW + 30 * MINUTE
    waits_on = payment("processing", cancelled=True, due=to_rfc3339(later + 3 * MINUTE))
    assert then(check(stored, PAY, later), stored, Processing()) == Save(waits_on)


def test_the_payment_of_a_cancelled_order_is_refunded_once_its_money_moves() -> None:
    stored = entity(waiting_cancelled())
    decision = then(check(stored, PAY, NOW), stored, Captured())
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.announce) == (payment("captured", refund(), due=SOON), (requested(),))
    assert decision.effect == MakeRefund(PAY, f"{ORDER}/cancellation/1", None)


def test_another_payment_of_a_cancelled_order_is_inspected() -> None:
    assert effect_of(check(entity(waiting_cancelled()), OTHER, NOW)) == Inspect(OTHER)


# Refunds


def captured(*refunds: Refund, **members: Any) -> Payment:
    return payment("captured", *refunds, **{"due": SOON} | members)


def test_a_pending_refund_that_has_ended_is_recorded() -> None:
    decision = after_inspect(captured(refund()), found(Captured(), cancellation=Refunded(money(1500))))
    gone = refund("succeeded", amount=money(1500))
    assert decision == Save(captured(gone, due=TOMORROW), (refunded(amount=money(1500)),))
    decision = after_inspect(captured(refund()), found(Captured(), cancellation=NotRefunded("lost")))
    assert decision == Save(captured(refund("failed", code="lost"), due=""), (refund_failed("lost"),))


def test_a_refund_that_the_bank_returns_later_fails_after_all() -> None:
    decision = after_inspect(captured(refund("succeeded")), found(Captured(), cancellation=NotRefunded("lost")))
    assert decision == Save(captured(refund("failed", code="lost"), due=""), (refund_failed("lost"),))


def test_several_refunds_are_recorded_together() -> None:
    pending = refund(name="a", amount=money(500)), refund(name="b", amount=money(700))
    decision = after_inspect(captured(*pending), found(Captured(), a=Refunded(money(500)), b=NotRefunded("lost")))
    assert isinstance(decision, Save)
    assert decision.announce == (refunded("a", money(500)), refund_failed("lost", "b", money(700)))
    assert decision.state.left == money(1500)


def test_a_refund_that_is_not_made_yet_is_made() -> None:
    pending = refund(name="a", amount=money(500), attempt=2)
    decision = after_inspect(captured(pending), found(Captured(), a=NotRefunded("lost")))
    assert isinstance(decision, Perform)
    assert decision.effect == MakeRefund(PAY, f"{ORDER}/a/2", money(500))
    recorded = captured(refund("succeeded", "a", money(500), attempt=2), due=TOMORROW)
    assert then(decision, entity(captured(pending)), Refunded(money(500))) == Save(
        recorded, (refunded("a", money(500)),)
    )


def test_what_else_is_found_is_recorded_before_a_refund_is_made() -> None:
    pending = refund(name="a", amount=money(500)), refund(name="b", amount=money(700))
    decision = after_inspect(captured(*pending), found(Captured(), found_dispute(), a=Refunded(money(500))))
    assert isinstance(decision, Reserve)
    assert decision.announce == (disputed(), refunded("a", money(500)))
    assert decision.effect == MakeRefund(PAY, f"{ORDER}/b/1", money(700))
    assert decision.state.refunds == (refund("succeeded", "a", money(500)), pending[1])
    assert decision.state.disputes == (Dispute("dp_1", "open"),)


def test_a_refund_that_is_still_pending_writes_nothing_before_it_is_due() -> None:
    inspection = found(Captured(), cancellation=RefundPending())
    assert after_inspect(captured(refund()), inspection) == Skip()
    later = NOW + 20 * MINUTE
    postponed = captured(refund(), due=to_rfc3339(later + 2 * MINUTE))
    assert after_inspect(captured(refund()), inspection, now=later) == Save(postponed)


def test_a_refund_is_looked_at_no_more_once_the_bank_cannot_return_it() -> None:
    later = NOW + 31 * DAY
    inspection = found(Captured(), cancellation=Refunded(TOTAL))
    decision = after_inspect(captured(refund("succeeded")), inspection, now=later)
    assert decision == Save(captured(refund("succeeded"), due=""))


@pytest.mark.parametrize("outcome", [Captured(), Returned(TOTAL)])
def test_money_that_was_returned_at_the_dashboard_changes_nothing_of_a_captured_payment(
    outcome: AuthorizationOutcome,
) -> None:
    assert after_inspect("captured", found(outcome)) == Skip()


@pytest.mark.parametrize("status", ["failed", "settled"])
def test_a_refund_whose_failure_is_recorded_is_not_announced_again(status: Any) -> None:
    stored = captured(refund(status), due="")
    assert after_inspect(stored, found(Captured(), cancellation=NotRefunded("lost"))) == Skip()


# Disputes


@pytest.mark.parametrize(
    ("known", "status", "stored", "announced"),
    [
        (None, "open", "open", (disputed(),)),
        (None, "won", "won", (disputed(), dispute_closed("won"))),
        (None, "lost", "lost", (disputed(), dispute_closed("lost"))),
        ("open", "won", "won", (dispute_closed("won"),)),
        ("open", "lost", "lost", (dispute_closed("lost"),)),
    ],
)
def test_a_dispute_and_its_end_are_recorded_and_announced(
    known: Any, status: Any, stored: Any, announced: tuple[Contract, ...]
) -> None:
    before = payment("captured", disputes=(Dispute("dp_1", known),) if known else ())
    due = TOMORROW if stored == "open" else ""
    after = payment("captured", disputes=(Dispute("dp_1", stored),), due=due)
    assert after_inspect(before, found(Captured(), found_dispute(status))) == Save(after, announced)


@pytest.mark.parametrize(
    ("known", "status"),
    [("open", "open"), ("won", "won"), ("lost", "lost"), ("won", "open"), ("lost", "open"), ("won", "lost")],
)
def test_a_repeated_or_late_report_of_a_dispute_changes_nothing(known: Any, status: Any) -> None:
    before = payment("captured", disputes=(Dispute("dp_1", known),))
    assert after_inspect(before, found(Captured(), found_dispute(status))) == Skip()


@pytest.mark.parametrize(
    ("status", "outcome"), [("authorized", Captured()), ("failed", Returned(TOTAL)), ("voided", Returned(TOTAL))]
)
def test_a_dispute_is_recorded_although_the_capture_of_its_payment_is_not(
    status: Status, outcome: AuthorizationOutcome
) -> None:
    open_ = payment(status, disputes=(Dispute("dp_1", "open"),), due=TOMORROW)
    assert after_inspect(status, found(outcome, found_dispute())) == Save(open_, (disputed(),))
    assert after_inspect(open_, found(outcome, found_dispute())) == Skip()
    decision = after_inspect(open_, found(outcome, found_dispute()), now=NOW + DAY)
    assert isinstance(decision, Save)
    assert (decision.state.due, decision.announce) == (to_rfc3339(NOW + 2 * DAY), ())
    closed = payment(status, disputes=(Dispute("dp_1", "won"),))
    assert after_inspect(open_, found(outcome, found_dispute("won"))) == Save(closed, (dispute_closed("won"),))


def test_two_disputes_of_one_payment_are_followed_each_by_itself() -> None:
    before = payment("captured", disputes=(Dispute("dp_1", "open"),))
    decision = after_inspect(before, found(Captured(), found_dispute("lost"), found_dispute("open", "dp_2")))
    assert isinstance(decision, Save)
    assert decision.announce == (dispute_closed("lost"), disputed("dp_2"))
    assert decision.state.disputes == (Dispute("dp_1", "lost"), Dispute("dp_2", "open"))


def test_an_open_dispute_is_looked_at_again_the_next_day() -> None:
    open_ = (Dispute("dp_1", "open"),)
    before = payment("captured", disputes=open_, due=SOON)
    after = payment("captured", disputes=open_, due=to_rfc3339(NOW + MINUTE + DAY))
    assert after_inspect(before, found(Captured(), found_dispute()), now=NOW + MINUTE) == Save(after)


# Unexpected payments


@pytest.mark.parametrize("status", STATUSES)
def test_an_unexpected_payment_that_is_reserved_is_announced_and_released(status: Status) -> None:
    stored = entity(status)
    decision = after_inspect(status, found(Authorized()), OTHER)
    assert isinstance(decision, Reserve)
    assert (decision.state, decision.announce) == (stored.state, (unexpected(),))
    assert (decision.effect, decision.repeatable) == (Void(OTHER), True)
    assert then(decision, stored, Voided()) == Skip()
    for moved in (Captured(), Processing()):
        assert effect_of(then(decision, stored, moved)) == Inspect(OTHER)


@pytest.mark.parametrize("status", STATUSES)
def test_an_unexpected_payment_whose_money_has_moved_is_announced_and_refunded(status: Status) -> None:
    decision = after_inspect(status, found(Captured()), OTHER)
    reversal = refund(name=REVERSAL, payment=OTHER)
    waits = {} if status in ("action_required", "processing") else {"due": SOON}
    assert isinstance(decision, Reserve)
    assert decision.state == payment(status, reversal, **waits)
    assert decision.announce == (unexpected(), requested(REVERSAL, payment=OTHER, reason="unexpected"))
    assert decision.effect == MakeRefund(OTHER, f"{ORDER}/{REVERSAL}/1", None)


@pytest.mark.parametrize("status", ["failed", "voided"])
@pytest.mark.parametrize("outcome", [Authorized(), Captured()])
def test_a_payment_that_had_ended_here_is_unexpected_too(status: Status, outcome: AuthorizationOutcome) -> None:
    decision = after_inspect(status, found(outcome))
    assert isinstance(decision, Reserve)
    assert decision.announce[0] == unexpected(PAY)


def test_a_payment_that_was_announced_when_it_was_reserved_is_not_announced_again_when_it_is_refunded() -> None:
    stored = entity("authorized", AUTHORIZED, unexpected("pay_3"), unexpected())
    decision = then(check(stored, OTHER, NOW), stored, found(Captured()))
    assert isinstance(decision, Reserve)
    assert decision.announce == (requested(REVERSAL, payment=OTHER, reason="unexpected"),)
    released = then(check(stored, OTHER, NOW), stored, found(Authorized()))
    assert isinstance(released, Reserve)
    assert released.announce == ()


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "outcome", [None, ActionRequired(), Processing(), Declined("card_declined"), Voided(), Returned(TOTAL)]
)
def test_another_payment_without_money_changes_nothing(status: Status, outcome: AuthorizationOutcome | None) -> None:
    assert after_inspect(status, found(outcome), OTHER) == Skip()


# All the way


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
def scenario(gateway: MemoryGateway) -> Scenario[Payment]:
    return scenario_over(gateway)


@pytest.mark.parametrize(
    ("decided", "announced"),
    [
        (Authorized(), AUTHORIZED),
        (Declined("payment_intent_authentication_failure"), failed("payment_intent_authentication_failure")),
        (Voided(), failed("voided")),
    ],
)
@pytest.mark.parametrize("about", ["authorized", "ended"])
def test_a_customers_answer_is_recorded_once_however_often_it_is_reported(
    scenario: Scenario[Payment],
    gateway: MemoryGateway,
    decided: AuthorizationOutcome,
    announced: Contract,
    about: About,
) -> None:
    gateway.authorization = ActionRequired()
    scenario.given(PLACED)
    gateway.own.outcome = decided
    scenario.when(reported(about), reported(about), reported(about, n=2)).then(announced=[announced])


def test_a_payment_that_its_customer_approved_is_captured(scenario: Scenario[Payment], gateway: MemoryGateway) -> None:
    gateway.authorization = ActionRequired()
    scenario.given(PLACED)
    gateway.own.outcome = Processing()
    scenario.when(reported("authorized", n=1)).then(announced=[PROCESSING])
    gateway.own.outcome = Authorized()
    scenario.when(reported("authorized", n=2)).then(announced=[AUTHORIZED])
    scenario.given(CONFIRMED)
    assert gateway.captures == 1


@pytest.mark.parametrize(("outcome", "end", "back"), [(Authorized(), Voided(), 0), (Captured(), Captured(), 2000)])
def test_the_payment_of_an_order_that_was_cancelled_while_its_bank_decides_keeps_no_money(
    scenario: Scenario[Payment], gateway: MemoryGateway, outcome: Any, end: Any, back: int
) -> None:
    gateway.authorization, gateway.void_outcome = Processing(), Processing()
    scenario.given(PLACED, CANCELLED, CANCELLED)
    gateway.own.outcome, gateway.void_outcome = outcome, Voided()
    scenario.when(reported("captured", n=1), reported("captured", n=2), CANCELLED).then()
    assert (gateway.own.outcome, gateway.own.back) == (end, back)
    news = [VOIDED] if outcome == Authorized() else [requested(), refunded()]
    assert scenario.announced(ORDER) == [PROCESSING, *news]


def test_a_payment_that_is_voided_while_it_is_inspected_is_not_taken_for_an_unexpected_one(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    gateway.authorization = ActionRequired()
    scenario.given(PLACED)
    gateway.own.outcome = Authorized()
    gateway.after["inspect"] = [lambda: scenario.given(CANCELLED)]
    scenario.when(reported("authorized")).then(state=payment("voided"), announced=[VOIDED])


def fault_at(scenario: Scenario[Payment], gateway: MemoryGateway, number: int, call: str) -> None:
    """Let a number of things fail, one after another: before the call, after it, and after a write."""
    faults: list[Callable[[], object]] = [
        lambda: gateway.before.setdefault(call, []).append(crash),
        lambda: gateway.after.setdefault(call, []).append(crash),
        lambda: scenario.table.commit_faults.next(lost_answer),
    ]
    for fault in faults[:number]:
        fault()


@pytest.mark.parametrize("faults", range(4))
@pytest.mark.parametrize("about", ABOUTS)
def test_an_unexpected_payment_is_announced_and_refunded_once_however_often_it_is_reported(
    scenario: Scenario[Payment], gateway: MemoryGateway, about: About, faults: int
) -> None:
    scenario.given(PLACED, CONFIRMED)
    gateway.intents[OTHER] = Intent(Captured())
    fault_at(scenario, gateway, faults, "refund")
    for _ in range(4):
        scenario.when(reported(about, OTHER))
    scenario.when(reported(about, OTHER, n=2)).then(writes=0, announced=[])
    assert gateway.intents[OTHER].refunds == {f"{ORDER}/{REVERSAL}/1": Refunded(TOTAL)}
    assert scenario.announced(ORDER)[2:] == [
        unexpected(),
        requested(REVERSAL, payment=OTHER, reason="unexpected"),
        refunded(REVERSAL, of=OTHER),
    ]
    assert gateway.own.back == 0


@pytest.mark.parametrize("faults", range(4))
def test_an_unexpected_payment_is_announced_and_released_once_however_often_it_is_reported(
    scenario: Scenario[Payment], gateway: MemoryGateway, faults: int
) -> None:
    scenario.given(CANCELLED)
    gateway.intents[OTHER] = Intent(Authorized())
    fault_at(scenario, gateway, faults, "void")
    for _ in range(4):
        scenario.when(reported("authorized", OTHER))
    scenario.when(reported("ended", OTHER, n=2)).then(writes=0, announced=[])
    assert gateway.intents[OTHER].outcome == Voided()
    assert scenario.announced(ORDER) == [unexpected()]


def test_a_refund_whose_outcome_is_found_while_its_cancellation_is_delivered_again_is_announced_once(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.given(PLACED, CONFIRMED)
    gateway.after["refund"] = [crash, crash]
    scenario.when(CANCELLED).then_fails(TimeoutError)
    gateway.after["refund"] = [lambda: scenario.given(reported("refund"))]
    scenario.when(CANCELLED).then()
    assert scenario.announced(ORDER)[-2:] == [requested(), refunded()]
    scenario.when(reported("refund", n=2)).then(announced=[])


def test_a_refund_that_the_bank_returned_is_made_again_by_its_next_attempt(
    scenario: Scenario[Payment], gateway: MemoryGateway
) -> None:
    scenario.given(PLACED, CONFIRMED, CANCELLED)
    gateway.own.refunds[f"{ORDER}/cancellation/1"] = NotRefunded("lost")
    gateway.own.back = 0
    scenario.when(reported("refund", n=1), reported("refund", n=2)).then(announced=[refund_failed("lost")])
    retry = Execute(ORDER, lambda found: retry_refund(found, "cancellation", NOW))
    scenario.when(retry, reported("refund", n=3)).then(announced=[requested(attempt=2), refunded()])
    assert gateway.own.back == TOTAL.amount
