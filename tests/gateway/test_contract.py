"""What payment relies on of any gateway: the same tests for each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from functions.payment.gateway import UNKNOWN_METHOD, Captured, Declined, Outcome, Refunded, Voided
from tests.gateway.bench import APPROVED, TOTAL, Bench, new_order, opened, payment_of

DECLINES = [
    ("simulated", "pm_card_declined", "card_declined"),
    ("memory", "pm_card_declined", "card_declined"),
    ("simulated", "pm_card_insufficient_funds", "insufficient_funds"),
    # localstripe knows one reason alone; the others are shown by Stripe's documented answers, in the unit tests.
    ("stripe", "pm_card_chargeCustomerFail", "card_declined"),
    ("simulated", "pm_nobodys", UNKNOWN_METHOD),
    ("stripe", "pm_nobodys", UNKNOWN_METHOD),
]
declined = pytest.mark.parametrize(("bench", "method", "code"), DECLINES, indirect=["bench"])


def test_opening_a_payment_moves_no_money(bench: Bench) -> None:
    assert bench.moved(opened(bench)) == (0, 0)


def test_an_order_has_one_payment_however_often_it_is_opened(bench: Bench) -> None:
    order = new_order()
    first, *others = [bench.gateway.open(order, TOTAL, APPROVED) for _ in range(3)]
    assert others == [first, first]
    assert bench.opened(order) == 1


def test_two_orders_have_a_payment_each(bench: Bench) -> None:
    assert opened(bench) != opened(bench)


def test_a_confirmed_payment_is_captured_once(bench: Bench) -> None:
    payment = opened(bench)
    assert bench.gateway.confirm(payment) == Captured()
    assert bench.moved(payment) == (1, 0)


def test_a_payment_confirmed_again_is_captured_and_its_money_does_not_move_again(bench: Bench) -> None:
    payment = opened(bench)
    assert [bench.gateway.confirm(payment) for _ in range(3)] == [Captured()] * 3
    assert bench.moved(payment) == (1, 0)


@declined
def test_a_payment_is_declined_with_its_code_and_told_the_same_again(bench: Bench, method: str, code: str) -> None:
    payment = opened(bench, method)
    assert [bench.gateway.confirm(payment) for _ in range(3)] == [Declined(code)] * 3
    assert bench.moved(payment) == (0, 0)


@declined
def test_a_declined_payment_that_is_cancelled_is_void(bench: Bench, method: str, code: str) -> None:
    payment = opened(bench, method)
    bench.gateway.confirm(payment)
    assert [bench.gateway.cancel(payment) for _ in range(2)] == [Voided()] * 2
    assert bench.gateway.confirm(payment) in (Voided(), Declined(code))
    assert bench.moved(payment) == (0, 0)


def test_an_order_whose_method_is_unknown_has_one_payment_however_often_it_is_opened(bench: Bench) -> None:
    order = new_order()
    first, second = [bench.gateway.open(order, TOTAL, "pm_nobodys") for _ in range(2)]
    assert first == second
    assert bench.opened(order) == 1


def test_an_open_payment_that_is_cancelled_is_void_and_moves_nothing_afterwards(bench: Bench) -> None:
    payment = opened(bench)
    assert [bench.gateway.cancel(payment) for _ in range(2)] == [Voided()] * 2
    assert bench.gateway.confirm(payment) == Voided()
    assert bench.moved(payment) == (0, 0)


def test_a_captured_payment_that_is_cancelled_is_refunded_once(bench: Bench) -> None:
    payment = opened(bench)
    bench.gateway.confirm(payment)
    assert [bench.gateway.cancel(payment) for _ in range(3)] == [Refunded()] * 3
    assert bench.moved(payment) == (1, 1)


def test_a_refunded_payment_that_is_confirmed_is_told_as_refunded(bench: Bench) -> None:
    payment = opened(bench)
    bench.gateway.confirm(payment)
    bench.gateway.cancel(payment)
    assert bench.gateway.confirm(payment) == Refunded()
    assert bench.moved(payment) == (1, 1)


def test_an_order_opened_again_after_its_payment_ended_gets_that_payment(bench: Bench) -> None:
    order = new_order()
    first = bench.gateway.open(order, TOTAL, APPROVED)
    bench.gateway.confirm(payment_of(first))
    assert bench.gateway.open(order, TOTAL, APPROVED) == first
    assert bench.opened(order) == 1


@pytest.mark.parametrize("_again", range(10))
def test_a_confirmation_and_a_cancellation_at_once_end_in_the_same_for_both(bench: Bench, _again: int) -> None:
    payment, start = opened(bench), Barrier(2)

    def at_once(call: Callable[[str], Outcome]) -> Outcome:
        start.wait()
        return call(payment)

    with ThreadPoolExecutor(2) as executor:
        confirmed, cancelled = executor.map(at_once, (bench.gateway.confirm, bench.gateway.cancel))
    if bench.moved(payment) == (0, 0):
        assert (confirmed, cancelled) == (Voided(), Voided())
    else:
        assert bench.moved(payment) == (1, 1)
        assert cancelled == Refunded()
        assert confirmed in (Captured(), Refunded())
    assert bench.gateway.confirm(payment) == bench.gateway.cancel(payment) == cancelled


def test_many_cancellations_at_once_refund_once(bench: Bench) -> None:
    payment = opened(bench)
    bench.gateway.confirm(payment)
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(bench.gateway.cancel, [payment] * 8)) == [Refunded()] * 8
    assert bench.moved(payment) == (1, 1)
