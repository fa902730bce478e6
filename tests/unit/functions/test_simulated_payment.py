"""The decisions about payments at the simulated gateway that the gateways' contract does not describe."""

from collections.abc import Callable

import pytest

from contracts.values.money import Money
from functions.payment.gateway import Authorized, NotRefunded, Processing, Refunded, RefundPending
from functions.payment.simulated.payment import (
    METHODS,
    Change,
    SimulatedPayment,
    answered,
    authorize,
    capture,
    close_dispute,
    inspect,
    refund,
    void,
)
from tests.unit.functions.simulated_payments import ORDER, PAYMENT, payment

NOW = 1_700_000_000_000

Call = Callable[[SimulatedPayment], Change[object]]


def captured(method: str) -> SimulatedPayment:
    return capture(payment("authorized", method), NOW).payment


def disputed() -> SimulatedPayment:
    return captured("pm_card_disputed")


def refunded(method: str) -> SimulatedPayment:
    return refund(captured(method), "a/1", None).payment


def types(change: Change[object]) -> list[str]:
    return [news.type for news in change.news]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_first_authorization_is_no_news_unless_the_bank_has_not_decided(method: str) -> None:
    expected = ["payment_intent.processing"] if method == "pm_card_processing" else []
    assert types(authorize(payment(method=method))) == expected


NEWS: list[tuple[SimulatedPayment, Call, list[str]]] = [
    (payment("action_required"), lambda of: answered(of, "approved"), ["payment_intent.amount_capturable_updated"]),
    (payment("action_required"), lambda of: answered(of, "declined"), ["payment_intent.payment_failed"]),
    (payment("processing"), void, ["payment_intent.amount_capturable_updated"]),
    (payment("processing"), authorize, []),
    (payment("authorized"), lambda of: capture(of, NOW), []),
    (payment("authorized", "pm_card_disputed"), lambda of: capture(of, NOW), ["charge.dispute.created"]),
    (disputed(), lambda of: close_dispute(of, "won"), ["charge.dispute.closed"]),
    (payment("authorized"), void, []),
    (captured("pm_card_visa"), lambda of: refund(of, "a/1", None), []),
    (captured("pm_card_refund_fails"), lambda of: refund(of, "a/1", None), []),
    (captured("pm_card_refund_pending"), lambda of: refund(of, "a/1", None), ["refund.updated"]),
    (captured("pm_card_refund_returned"), lambda of: refund(of, "a/1", None), ["refund.updated"]),
    (refunded("pm_card_refund_pending"), inspect, []),
    (refunded("pm_card_refund_returned"), inspect, ["refund.updated"]),
    (inspect(refunded("pm_card_refund_returned")).payment, inspect, []),
]


@pytest.mark.parametrize(("before", "call", "expected"), NEWS)
def test_only_a_change_that_no_answer_contains_is_news(
    before: SimulatedPayment, call: Call, expected: list[str]
) -> None:
    assert types(call(before)) == expected


@pytest.mark.parametrize(("before", "call"), [(before, call) for before, call, _ in NEWS])
def test_looking_again_and_again_comes_to_an_end(before: SimulatedPayment, call: Call) -> None:
    after = call(before).payment
    for _ in range(3):
        after = inspect(after).payment
    assert inspect(after) == Change(after, inspect(after).outcome)


def test_news_of_a_payment_have_the_labels_of_its_order() -> None:
    (news,) = answered(payment("action_required"), "approved").news
    assert (news.object["id"], news.object["object"]) == (PAYMENT, "payment_intent")
    trace = payment().trace
    assert news.object["metadata"] == {"order": ORDER, "stage": "dev", "correlation": "request-1", "trace": trace}


def test_news_of_a_refund_name_its_payment_order_and_attempt() -> None:
    (news,) = refund(captured("pm_card_refund_pending"), "a/1", Money(500, "EUR")).news
    assert (news.object["object"], news.object["payment_intent"], news.object["amount"]) == ("refund", PAYMENT, 500)
    assert news.object["metadata"] == {"order": ORDER, "stage": "dev", "refund": "a/1"}


def test_news_of_a_dispute_name_its_payment_and_no_order() -> None:
    (news,) = capture(payment("authorized", "pm_card_disputed"), NOW).news
    assert (news.object["object"], news.object["payment_intent"]) == ("dispute", PAYMENT)
    assert news.object["metadata"] == {}


def test_a_dispute_is_closed_once() -> None:
    lost = close_dispute(disputed(), "lost").payment
    assert close_dispute(lost, "won") == Change(lost, None)
    assert close_dispute(payment("captured"), "won") == Change(payment("captured"), None)


@pytest.mark.parametrize("status", ["open", "authorized", "captured", "declined", "expired", "voided"])
def test_a_payment_that_awaits_no_approval_keeps_its_status(status: str) -> None:
    before = payment(status)
    assert answered(before, "approved") == Change(before, before)


def test_the_bank_decides_about_a_payment_in_process_by_the_second_look() -> None:
    first = authorize(payment(method="pm_card_processing"))
    assert first.outcome == Processing()
    assert inspect(first.payment).outcome.outcome == Authorized()
    assert void(first.payment).payment.status == "authorized"


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(500, "USD")])
def test_an_amount_of_zero_or_in_another_currency_cannot_be_refunded(amount: Money) -> None:
    with pytest.raises(ValueError, match="cannot be refunded"):
        refund(payment("captured"), "a/1", amount)


def test_the_money_of_a_refund_comes_back_at_the_second_look_after_it_succeeded() -> None:
    change: Change[object] = refund(captured("pm_card_refund_returned"), "a/1", Money(500, "EUR"))
    assert change.outcome == Refunded(Money(500, "EUR"))
    first, second, third = (look := inspect(change.payment)), (again := inspect(look.payment)), inspect(again.payment)
    failed = NotRefunded("expired_or_canceled_card")
    assert [each.outcome.refunds["a/1"] for each in (first, second, third)] == [change.outcome, failed, failed]


@pytest.mark.parametrize("method", ["pm_card_refund_fails", "pm_card_refund_returned"])
def test_the_attempt_after_a_failed_refund_succeeds_for_good(method: str) -> None:
    after = refunded(method)
    for _ in range(2):
        after = inspect(after).payment
    again: Change[object] = refund(after, "a/2", Money(1999, "EUR"))
    for _ in range(3):
        assert (again.outcome, again.payment.refunded, again.news) == (Refunded(Money(1999, "EUR")), 1999, ())
        again = refund(again.payment, "a/2", Money(1999, "EUR"))


@pytest.mark.parametrize("method", ["pm_card_refund_pending", "pm_card_refund_fails", "pm_card_refund_returned"])
def test_a_refund_of_nothing_succeeds(method: str) -> None:
    nothing_left = payment("captured", method, refunds=refunded("pm_card_visa").refunds)
    assert refund(nothing_left, "a/2", None).outcome == Refunded(Money(0, "EUR"))


def test_each_refund_of_a_bank_that_takes_its_time_is_pending_first() -> None:
    first = refund(captured("pm_card_refund_pending"), "a/1", Money(500, "EUR"))
    second = refund(first.payment, "b/1", Money(500, "EUR"))
    assert first.outcome == second.outcome == RefundPending()
    assert inspect(second.payment).payment.refunded == 1000
