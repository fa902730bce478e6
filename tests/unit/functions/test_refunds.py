from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.payment.refund_settled import RefundSettled
from functions.payment.gateway import TOO_MUCH, MakeRefund, NotRefunded, Refunded, RefundOutcome, RefundPending
from functions.payment.handlers import on_order_cancelled
from functions.payment.refunds import follow_refund, request_refund, retry_refund, settle_refund
from functions.payment.service import service
from functions.payment.state import (
    DAY,
    MAX_REFUNDS,
    MINUTE,
    REFUNDS_WATCHED,
    Dispute,
    Payment,
    RefundStatus,
    Status,
    attempt_of,
    due_at,
    due_of,
    scheduled,
)
from tests.unit.facts import NOON_MILLIS, ORDER
from tests.unit.functions.payments import (
    CANCELLED,
    CONFIRMED,
    OTHER,
    PAY,
    PLACED,
    SOON,
    STATUSES,
    TOTAL,
    MemoryGateway,
    entity,
    money,
    payment,
    refund,
    refund_failed,
    refunded,
    reported,
    requested,
    scenario_over,
    then,
)
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.testing import Execute, Scenario, given, lost_answer, preceded_by

NOW = NOON_MILLIS


def ask(amount: int, name: str = "a", currency: str = "EUR", reason: Any = "goodwill") -> Execute[Payment]:
    """Return an operator's request for a refund."""
    wanted = replace(money(amount), currency=currency)
    return Execute(ORDER, lambda found: request_refund(found, name, wanted, reason, NOW))


def retry(name: str = "a", now: int = NOW) -> Execute[Payment]:
    return Execute(ORDER, partial(retry_refund, name=name, now=now))


def settle(name: str = "a") -> Execute[Payment]:
    return Execute(ORDER, partial(settle_refund, name=name, now=NOW))


def part(status: RefundStatus = "pending", amount: int = 500, name: str = "a", **members: Any) -> Any:
    return refund(status, name, money(amount), **members)


def asked(amount: int = 500, name: str = "a", attempt: int = 1) -> Contract:
    return requested(name, money(amount), reason="goodwill", attempt=attempt)


def captured(*refunds: Any, **members: Any) -> Scenario[Payment]:
    return given(service, entity(payment("captured", *refunds, **members)))


# The request of an operator


def test_a_refund_of_a_part_is_recorded_and_announced_before_it_is_made() -> None:
    scenario = captured().when(ask(500)).then(state=payment("captured", part(), due=SOON), announced=[asked()])
    scenario.when(ask(500)).then(writes=0)


@pytest.mark.parametrize("request_", [ask(499), ask(500, reason="damaged")])
def test_another_refund_under_the_same_name_is_refused(request_: Execute[Payment]) -> None:
    captured(part()).when(request_).then_rejected("key_taken")


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "settled"])
def test_a_repeated_request_changes_nothing_whatever_became_of_the_refund(status: RefundStatus) -> None:
    captured(part(status)).when(ask(500)).then(writes=0)


@pytest.mark.parametrize("status", [None, *(status for status in STATUSES if status != "captured")])
def test_only_a_captured_payment_is_refunded(status: Status | None) -> None:
    given(service, *([entity(status)] if status else [])).when(ask(500)).then_rejected("not_captured")


def test_a_refund_is_made_in_the_currency_of_its_payment() -> None:
    captured().when(ask(500, currency="USD")).then_rejected("currency")


@pytest.mark.parametrize(
    ("status", "left"), [("pending", 1500), ("succeeded", 1500), ("settled", 1500), ("failed", 2000)]
)
def test_a_refund_counts_unless_it_failed(status: RefundStatus, left: int) -> None:
    scenario = captured(part(status), refund(name=f"unexpected-{OTHER}", payment=OTHER))
    state = scenario.state(ORDER)
    assert state
    assert state.left == money(left)
    scenario.when(ask(left + 1, "b")).then_rejected("too_much")
    scenario.when(ask(left, "b")).then(announced=[asked(left, "b")])


def test_refunds_never_exceed_the_payment_although_two_are_requested_at_once() -> None:
    scenario = captured()
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ask(1500, "a"))))
    assert scenario.when(ask(1500, "b")).rejection
    state = scenario.state(ORDER)
    assert state
    assert (state.left, [each.id for each in state.refunds]) == (money(500), ["a"])


def test_two_refunds_that_fit_are_both_recorded_although_they_are_requested_at_once() -> None:
    scenario = captured()
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ask(1500, "a"))))
    scenario.when(ask(500, "b")).then()
    state = scenario.state(ORDER)
    assert state
    assert (state.left, [each.id for each in state.refunds]) == (money(0), ["a", "b"])


def test_a_rest_that_is_larger_than_expected_leaves_nothing_and_not_less() -> None:
    assert payment("captured", part(), refund("succeeded")).left == money(0)


def test_an_order_has_a_bounded_number_of_refunds() -> None:
    scenario = captured(*(part("failed", 1, str(n)) for n in range(MAX_REFUNDS)))
    scenario.when(ask(1, "one more")).then_rejected("too_many")
    scenario.when(ask(1, "0")).then(writes=0)


def test_a_cancelled_order_whose_rest_goes_back_has_nothing_left() -> None:
    captured(refund()).when(ask(1)).then_rejected("too_much")


# Another attempt


def test_a_failed_refund_is_tried_again_under_a_new_attempt() -> None:
    scenario = captured(part("failed", code="lost_or_stolen_card"))
    later = NOW + DAY
    again = part(attempt=2, at=to_rfc3339(later))
    scenario.when(retry(now=later)).then(
        state=payment("captured", again, due=to_rfc3339(later + MINUTE)), announced=[asked(attempt=2)]
    )
    assert attempt_of(ORDER, again) == f"{ORDER}/a/2"


@pytest.mark.parametrize("command", [retry(), settle()])
def test_a_refund_that_does_not_exist_is_neither_tried_again_nor_settled(command: Execute[Payment]) -> None:
    given(service).when(command).then_rejected("unknown")
    given(service, entity("captured")).when(command).then_rejected("unknown")


@pytest.mark.parametrize("command", [retry, settle])
def test_a_refund_that_succeeded_is_neither_tried_again_nor_settled(command: Any) -> None:
    captured(part("succeeded")).when(command()).then_rejected("not_failed")


def test_a_settled_refund_is_not_tried_again_and_a_pending_one_not_settled() -> None:
    captured(part("settled")).when(retry()).then_rejected("not_failed")
    captured(part("pending")).when(settle()).then_rejected("not_failed")


def test_a_repeated_request_for_another_attempt_changes_nothing() -> None:
    captured(part("failed")).given(retry()).when(retry()).then(writes=0)


def test_a_failed_part_is_not_tried_again_once_the_money_went_back_in_another_refund() -> None:
    captured(part("failed"), part("succeeded", 1501, "b")).when(retry()).then_rejected("too_much")
    captured(part("failed"), part("succeeded", 1500, "b")).when(retry()).then(writes=1)


@pytest.mark.parametrize("command", [retry, settle])
def test_a_failed_refund_of_the_rest_is_of_what_is_left_now(command: Any) -> None:
    scenario = captured(refund("failed"), part("succeeded")).given(command("cancellation"))
    state = scenario.state(ORDER)
    assert state
    assert (state.refunds[0].amount, state.left) == (money(1500), money(0))


def test_a_failed_refund_of_the_rest_is_not_tried_again_once_nothing_is_left() -> None:
    captured(refund("failed"), part("succeeded", 2000)).when(retry("cancellation")).then_rejected("too_much")


@pytest.mark.parametrize(("returned", "settled"), [(2000, 0), (1600, 400), (1500, 500), (100, 500)])
def test_a_failed_refund_is_settled_by_what_other_refunds_have_left_of_it(returned: int, settled: int) -> None:
    announcement = RefundSettled(payment=PAY, refund="a", amount=money(settled))
    captured(part("failed"), part("succeeded", returned, "b")).when(settle()).then(announced=[announcement])


@pytest.mark.parametrize("command", [retry, settle])
@pytest.mark.parametrize("status", ["forbidden", "not_needed", "voided", "failed", "authorized"])
def test_the_failed_refund_of_an_unexpected_payment_is_tried_again_or_settled(command: Any, status: Status) -> None:
    name = f"unexpected-{OTHER}"
    found = entity(payment(status, refund("failed", name, payment=OTHER)))
    given(service, found).when(command(name)).then(writes=1)


# The settlement


def test_a_failed_refund_that_was_returned_in_another_way_is_settled_once() -> None:
    scenario = captured(part("failed", code="lost_or_stolen_card"))
    settled = payment("captured", part("settled", code="lost_or_stolen_card"))
    announcement = RefundSettled(payment=PAY, refund="a", amount=money(500))
    scenario.when(settle()).then(state=settled, announced=[announcement])
    scenario.when(settle()).then(writes=0)


# The outcome


@pytest.mark.parametrize(
    ("before", "outcome", "after", "announced"),
    [
        ("pending", RefundPending(), part(), ()),
        ("pending", Refunded(money(500)), part("succeeded"), (refunded("a", money(500)),)),
        ("pending", NotRefunded("lost"), part("failed", code="lost"), (refund_failed("lost", "a", money(500)),)),
        ("succeeded", RefundPending(), part("succeeded"), ()),
        ("succeeded", Refunded(money(500)), part("succeeded"), ()),
        ("succeeded", NotRefunded("lost"), part("failed", code="lost"), (refund_failed("lost", "a", money(500)),)),
        ("failed", Refunded(money(500)), part("failed"), ()),
        ("failed", NotRefunded("lost"), part("failed"), ()),
        ("settled", Refunded(money(500)), part("settled"), ()),
        ("settled", NotRefunded("lost"), part("settled"), ()),
    ],
)
def test_the_outcome_of_a_refund_is_recorded_and_announced_once(
    before: RefundStatus, outcome: RefundOutcome, after: Any, announced: tuple[Contract, ...]
) -> None:
    others = part(name="b"), part("failed", name="c")
    found = payment("captured", others[0], part(before), others[1])
    followed = follow_refund(found, part(before), outcome, NOW)
    assert followed == (payment("captured", others[0], after, others[1]), announced)


def test_the_amount_that_went_back_is_announced_and_not_the_amount_that_was_expected() -> None:
    followed, announced = follow_refund(payment("captured", refund()), refund(), Refunded(money(1500)), NOW)
    assert announced == (refunded(amount=money(1500)),)
    assert followed.left == money(500)


def begun(*refunds: Any) -> Decision[Payment]:
    return on_order_cancelled(entity(payment("captured", *refunds)), CANCELLED)


@pytest.mark.parametrize(
    "found",
    [
        entity(None),
        entity("captured"),
        entity(payment("captured", refund("succeeded"))),
        entity(payment("captured", refund("failed"))),
        entity(payment("captured", refund(attempt=2))),
    ],
)
def test_the_outcome_of_a_refund_changes_nothing_once_it_was_recorded_or_another_attempt_began(
    found: Entity[Payment],
) -> None:
    assert then(begun(), found, Refunded(TOTAL)) == Skip()


def test_a_pending_refund_is_looked_at_again_and_one_that_succeeded_every_day() -> None:
    found = entity(payment("captured", refund(), due=SOON))
    assert then(begun(), found, RefundPending()) == Save(payment("captured", refund(), due=SOON))
    tomorrow = to_rfc3339(NOW + DAY)
    assert then(begun(), found, Refunded(TOTAL)) == Save(
        payment("captured", refund("succeeded"), due=tomorrow), (refunded(),)
    )
    assert then(begun(), found, NotRefunded("charge_disputed")) == Save(
        payment("captured", refund("failed", code="charge_disputed")), (refund_failed("charge_disputed"),)
    )


# The rest of a cancelled order


@pytest.mark.parametrize(("status", "left"), [("succeeded", 1500), ("settled", 1500), ("failed", 2000)])
def test_a_cancellation_refunds_what_earlier_refunds_have_left(status: RefundStatus, left: int) -> None:
    decision = begun(part(status))
    assert isinstance(decision, Reserve)
    assert decision.announce == (requested(amount=money(left)),)
    assert decision.effect == MakeRefund(PAY, f"{ORDER}/cancellation/1", None)


def test_a_cancellation_makes_the_recorded_parts_before_the_rest() -> None:
    others = part(name="b", attempt=3), refund(name=f"unexpected-{OTHER}", payment=OTHER)
    decision = begun(part(), *others)
    assert isinstance(decision, Reserve)
    parts = MakeRefund(PAY, f"{ORDER}/a/1", money(500)), MakeRefund(PAY, f"{ORDER}/b/3", money(500))
    assert decision.effect == MakeRefund(PAY, f"{ORDER}/cancellation/1", None, parts)
    assert decision.announce == (requested(amount=money(1000)),)


def test_a_cancellation_after_all_has_gone_back_announces_that_nothing_was_left() -> None:
    gateway = MemoryGateway()
    scenario = scenario_over(gateway).given(PLACED, CONFIRMED, ask(2000), reported("refund"))
    scenario.when(CANCELLED).then(announced=[requested(amount=money(0)), refunded(amount=money(0))])
    assert gateway.own.back == TOTAL.amount


@pytest.mark.parametrize("at_dashboard", [0, 800, 2000])
def test_a_cancellation_refunds_what_was_left_at_the_gateways_dashboard(at_dashboard: int) -> None:
    gateway = MemoryGateway()
    scenario = scenario_over(gateway).given(PLACED, CONFIRMED)
    gateway.own.back = at_dashboard
    scenario.when(CANCELLED).then(announced=[requested(), refunded(amount=money(2000 - at_dashboard))])
    assert gateway.own.back == TOTAL.amount


def test_a_part_that_exceeds_what_was_left_at_the_gateways_dashboard_fails() -> None:
    gateway = MemoryGateway()
    scenario = scenario_over(gateway).given(PLACED, CONFIRMED, ask(500))
    gateway.own.back = 1800
    scenario.when(reported("refund")).then(announced=[refund_failed(TOO_MUCH, "a", money(500))])
    assert gateway.own.back == 1800


@pytest.mark.parametrize("faults", range(3))
def test_an_order_that_is_cancelled_before_its_requested_part_is_made_gets_each_amount_once(faults: int) -> None:
    gateway = MemoryGateway()
    scenario = scenario_over(gateway).given(PLACED, CONFIRMED, ask(500))
    for _ in range(faults):
        scenario.table.commit_faults.next(lost_answer)
        scenario.when(CANCELLED)
    scenario.when(CANCELLED, reported("refund", n=1), reported("refund", n=2)).then()
    assert gateway.own.refunds == {
        f"{ORDER}/a/1": Refunded(money(500)),
        f"{ORDER}/cancellation/1": Refunded(money(1500)),
    }
    announced = scenario.announced(ORDER)
    assert [each for each in announced if type(each).__name__ == "PaymentRefunded"] == [
        refunded(amount=money(1500)),
        refunded("a", money(500)),
    ]


# When to look again


def at(millis: int) -> str:
    return to_rfc3339(NOW + millis)


@pytest.mark.parametrize(
    ("waited", "delay"), [(-MINUTE, MINUTE), (0, MINUTE), (10 * MINUTE, MINUTE), (DAY, DAY // 10), (30 * DAY, DAY)]
)
def test_what_waits_is_looked_at_after_a_tenth_of_the_time_for_which_it_has_waited(waited: int, delay: int) -> None:
    for waiting in (
        payment("action_required", since=at(-waited)),
        payment("processing", since=at(-waited)),
        payment("captured", part(at=at(-waited)), part(name="b", at=at(MINUTE))),
        payment("voided", refund(name=f"unexpected-{OTHER}", at=at(-waited), payment=OTHER)),
    ):
        assert scheduled(waiting, NOW).due == at(delay)


def test_what_can_still_change_by_itself_is_looked_at_every_day() -> None:
    recent = at(-REFUNDS_WATCHED + 1)
    for open_ in (
        payment("captured", part("succeeded", at=recent)),
        payment("captured", disputes=(Dispute("dp_1", "won"), Dispute("dp_2", "open"))),
    ):
        assert scheduled(open_, NOW).due == at(DAY)


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("action_required", "processing")])
def test_what_awaits_nothing_is_not_looked_at(status: Status) -> None:
    old = part("succeeded", at=at(-REFUNDS_WATCHED)), part("failed", name="b"), part("settled", name="c")
    quiet = payment(status, *old, disputes=(Dispute("dp_1", "won"), Dispute("dp_2", "lost")), due=SOON)
    assert scheduled(quiet, NOW).due == ""
    assert due_at(scheduled(quiet, NOW)) > NOW + 1000 * 365 * DAY


def test_only_a_payment_that_awaits_something_is_in_the_index() -> None:
    waiting = entity(payment("captured", refund(), due=SOON))
    assert due_of(waiting) == SOON
    assert due_of(entity("captured")) == due_of(entity(None)) == ""
    (index,) = service.indexes
    assert index.of(waiting)["since"] == SOON
    assert index.of(entity("captured")) == {}
