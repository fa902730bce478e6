"""The contract that payment relies on, tested with each gateway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    UNKNOWN_METHOD,
    Authorized,
    Captured,
    Declined,
    NotRefunded,
    Outcome,
    Refunded,
    RefundPending,
    Voided,
)
from tests.gateway.providers import APPROVED, TOTAL, Provider, authorized, captured, new_order, opened, payment_of

DECLINES = [
    ("simulated", "pm_card_declined", "card_declined"),
    ("memory", "pm_card_declined", "card_declined"),
    ("simulated", "pm_card_insufficient_funds", "insufficient_funds"),
    # localstripe declines for one reason only. The unit tests cover the others with Stripe's documented answers.
    ("stripe", "pm_card_chargeCustomerFail", "card_declined"),
    ("simulated", "pm_nobodys", UNKNOWN_METHOD),
    ("stripe", "pm_nobodys", UNKNOWN_METHOD),
]
declined = pytest.mark.parametrize(("provider", "method", "code"), DECLINES, indirect=["provider"])
# At Stripe an authorization expires after days, and all refunds of localstripe succeed at once. The unit tests cover
# these cases with Stripe's documented answers.
unlike_localstripe = pytest.mark.parametrize("provider", ["simulated", "memory"], indirect=True)


def test_opening_a_payment_reserves_and_moves_no_money(provider: Provider) -> None:
    payment = opened(provider)
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_an_order_has_one_payment_however_often_it_is_opened(provider: Provider) -> None:
    order = new_order()
    first, *others = [provider.gateway.open(order, TOTAL, APPROVED) for _ in range(3)]
    assert others == [first, first]
    assert provider.opened(order) == 1


def test_two_orders_have_a_payment_each(provider: Provider) -> None:
    assert opened(provider) != opened(provider)


def test_an_authorization_reserves_the_amount_and_moves_no_money(provider: Provider) -> None:
    payment = opened(provider)
    assert [provider.gateway.authorize(payment) for _ in range(3)] == [Authorized()] * 3
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), True)


def test_a_payment_captured_several_times_moves_its_money_once(provider: Provider) -> None:
    payment = authorized(provider)
    assert [provider.gateway.capture(payment) for _ in range(3)] == [Captured()] * 3
    assert (provider.moved(payment), provider.reserved(payment)) == ((1, 0), False)


def test_the_authorization_of_a_captured_payment_returns_captured(provider: Provider) -> None:
    payment = captured(provider)
    assert provider.gateway.authorize(payment) == Captured()
    assert provider.moved(payment) == (1, 0)


def test_a_payment_that_is_not_authorized_cannot_be_captured(provider: Provider) -> None:
    payment = opened(provider)
    with pytest.raises(Exception, match=r"open|not authorized"):
        provider.gateway.capture(payment)
    assert provider.moved(payment) == (0, 0)


@declined
def test_a_declined_payment_has_a_code_and_gets_it_again(provider: Provider, method: str, code: str) -> None:
    payment = opened(provider, method)
    assert [provider.gateway.authorize(payment) for _ in range(3)] == [Declined(code)] * 3
    assert provider.gateway.capture(payment) == Declined(code)
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


@declined
def test_a_declined_payment_that_is_cancelled_is_void(provider: Provider, method: str, code: str) -> None:
    payment = opened(provider, method)
    provider.gateway.authorize(payment)
    assert [provider.gateway.cancel(payment) for _ in range(2)] == [Voided()] * 2
    assert provider.gateway.authorize(payment) in (Voided(), Declined(code))
    assert provider.moved(payment) == (0, 0)


@unlike_localstripe
def test_a_payment_whose_authorization_expired_is_declined_and_moves_no_money(provider: Provider) -> None:
    payment = authorized(provider, "pm_card_authorization_expires")
    assert [provider.gateway.capture(payment) for _ in range(2)] == [Declined(AUTHORIZATION_EXPIRED)] * 2
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)
    assert provider.gateway.cancel(payment) == Voided()


def test_an_order_whose_method_is_unknown_has_one_payment_however_often_it_is_opened(provider: Provider) -> None:
    order = new_order()
    first, second = [provider.gateway.open(order, TOTAL, "pm_nobodys") for _ in range(2)]
    assert first == second
    assert provider.opened(order) == 1


@pytest.mark.parametrize("begin", [opened, authorized])
def test_a_payment_that_is_cancelled_before_its_capture_is_void_and_moves_nothing_afterwards(
    provider: Provider, begin: Callable[[Provider], str]
) -> None:
    payment = begin(provider)
    assert [provider.gateway.cancel(payment) for _ in range(2)] == [Voided()] * 2
    assert provider.gateway.authorize(payment) == provider.gateway.capture(payment) == Voided()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_a_captured_payment_that_is_cancelled_is_refunded_once(provider: Provider) -> None:
    payment = captured(provider)
    assert [provider.gateway.cancel(payment) for _ in range(3)] == [Refunded(TOTAL)] * 3
    assert provider.moved(payment) == (1, 1)


@unlike_localstripe
def test_a_pending_refund_is_refunded_when_it_is_looked_at_again(provider: Provider) -> None:
    payment = captured(provider, "pm_card_refund_pending")
    assert provider.gateway.cancel(payment) == RefundPending()
    assert provider.moved(payment) == (1, 0)
    assert provider.gateway.capture(payment) == Captured()
    assert [provider.gateway.cancel(payment) for _ in range(2)] == [Refunded(TOTAL)] * 2
    assert provider.moved(payment) == (1, 1)


@unlike_localstripe
def test_a_refund_that_failed_stays_failed(provider: Provider) -> None:
    payment = captured(provider, "pm_card_refund_fails")
    assert [provider.gateway.cancel(payment) for _ in range(2)] == [NotRefunded("expired_or_canceled_card")] * 2
    assert provider.gateway.capture(payment) == Captured()
    assert provider.moved(payment) == (1, 0)


def test_a_refunded_payment_stays_refunded(provider: Provider) -> None:
    payment = captured(provider)
    provider.gateway.cancel(payment)
    assert provider.gateway.authorize(payment) == provider.gateway.capture(payment) == Refunded(TOTAL)
    assert provider.moved(payment) == (1, 1)


def test_an_order_opened_again_after_its_payment_ended_gets_that_payment(provider: Provider) -> None:
    order = new_order()
    first = provider.gateway.open(order, TOTAL, APPROVED)
    provider.gateway.authorize(payment_of(first))
    provider.gateway.capture(payment_of(first))
    assert provider.gateway.open(order, TOTAL, APPROVED) == first
    assert provider.opened(order) == 1


@pytest.mark.parametrize("_again", range(10))
def test_a_concurrent_capture_and_cancellation_end_in_one_outcome(provider: Provider, _again: int) -> None:
    payment, start = authorized(provider), Barrier(2)

    def at_once(call: Callable[[str], Outcome]) -> Outcome:
        start.wait()
        return call(payment)

    with ThreadPoolExecutor(2) as executor:
        done, cancelled = executor.map(at_once, (provider.gateway.capture, provider.gateway.cancel))
    if provider.moved(payment) == (0, 0):
        assert (done, cancelled) == (Voided(), Voided())
    else:
        assert provider.moved(payment) == (1, 1)
        assert cancelled == Refunded(TOTAL)
        assert done in (Captured(), Refunded(TOTAL))
    assert provider.gateway.capture(payment) == provider.gateway.cancel(payment) == cancelled


@pytest.mark.parametrize("_again", range(10))
def test_a_concurrent_authorization_and_cancellation_reserve_nothing(provider: Provider, _again: int) -> None:
    payment, start = opened(provider), Barrier(2)

    def at_once(call: Callable[[str], Outcome]) -> Outcome:
        start.wait()
        return call(payment)

    with ThreadPoolExecutor(2) as executor:
        done, cancelled = executor.map(at_once, (provider.gateway.authorize, provider.gateway.cancel))
    assert done in (Authorized(), Voided())
    assert cancelled == Voided()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_concurrent_cancellations_refund_once(provider: Provider) -> None:
    payment = captured(provider)
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(provider.gateway.cancel, [payment] * 8)) == [Refunded(TOTAL)] * 8
    assert provider.moved(payment) == (1, 1)
