"""The contract that payment relies on, tested with each gateway."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHENTICATION_FAILED,
    AUTHORIZATION_EXPIRED,
    TOO_MUCH,
    UNKNOWN_METHOD,
    ActionRequired,
    Authorized,
    Captured,
    Declined,
    FoundDispute,
    Inspection,
    Labels,
    NotRefunded,
    Processing,
    Refunded,
    RefundPending,
    Returned,
    Voided,
)
from tests.gateway.providers import (
    APPROVED,
    ORIGIN,
    TOTAL,
    BankedProvider,
    Provider,
    authorized,
    awaiting_approval,
    captured,
    disputed,
    new_attempt,
    new_order,
    opened,
    payment_of,
)
from tidings.core.clock import now

T = TypeVar("T")

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
tried = pytest.mark.parametrize(
    ("provider", "method", "code"),
    # At Stripe such a payment has no method, and nobody can tell whether it was tried.
    [each for each in DECLINES if each[:2] != ("stripe", "pm_nobodys")],
    indirect=["provider"],
)

# localstripe takes every amount in every currency. The simulation's gateway refuses only what is too small.
REFUSED = [
    ("simulated", Money(49, "EUR"), "amount_too_small"),
    ("simulated", Money(100_000_000, "EUR"), "amount_too_large"),
    ("simulated", Money(1000, "SEK"), "invalid_currency"),
    ("memory", Money(49, "EUR"), "amount_too_small"),
]
refused = pytest.mark.parametrize(("provider", "amount", "code"), REFUSED, indirect=["provider"])

# localstripe's banks decide at once: no payment is processing, no authorization expires, all refunds succeed, and
# nobody disputes. The unit tests cover these cases with Stripe's documented answers.
with_banks = pytest.mark.parametrize("provider", ["simulated", "memory"], indirect=True)

# The simulation makes no such call.
strict = pytest.mark.parametrize("provider", ["simulated", "stripe"], indirect=True)


def part(amount: int) -> Money:
    return Money(amount, TOTAL.currency)


def at_once(*calls: Callable[[], T]) -> Sequence[T]:
    """Make calls in threads that start at the same time, and return their answers."""
    start = Barrier(len(calls))

    def begin(call: Callable[[], T]) -> T:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as executor:
        return list(executor.map(begin, calls))


# Opening


def test_opening_a_payment_reserves_and_moves_no_money(provider: Provider) -> None:
    payment = opened(provider)
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_an_order_has_one_payment_however_often_it_is_opened(provider: Provider) -> None:
    order = new_order()
    first, *others = [provider.gateway.open(order, TOTAL, APPROVED, ORIGIN) for _ in range(3)]
    assert others == [first, first]
    assert provider.opened(order) == 1


def test_the_payment_of_an_order_is_found_once_the_gateway_may_have_forgotten_its_key(provider: Provider) -> None:
    order = new_order()
    payment = payment_of(provider.gateway.open(order, TOTAL, APPROVED, ORIGIN))
    assert provider.gateway.find(order, placed=0) == payment


def test_no_payment_is_found_of_an_order_that_has_none_or_is_young(provider: Provider) -> None:
    order = new_order()
    provider.gateway.open(order, TOTAL, APPROVED, ORIGIN)
    assert provider.gateway.find(order, now()) is None
    assert provider.gateway.find(new_order(), placed=0) is None


def test_two_orders_have_a_payment_each(provider: Provider) -> None:
    assert opened(provider) != opened(provider)


@refused
def test_an_amount_that_cannot_be_charged_is_declined_and_opens_no_payment(
    provider: Provider, amount: Money, code: str
) -> None:
    order = new_order()
    assert provider.gateway.open(order, amount, APPROVED, ORIGIN) == Declined(code)
    assert provider.opened(order) == 0


def test_an_order_whose_method_is_unknown_has_one_payment_however_often_it_is_opened(provider: Provider) -> None:
    order = new_order()
    first, second = [provider.gateway.open(order, TOTAL, "pm_nobodys", ORIGIN) for _ in range(2)]
    assert first == second
    assert provider.opened(order) == 1


def test_an_order_opened_again_after_its_payment_ended_gets_that_payment(provider: Provider) -> None:
    order = new_order()
    first = provider.gateway.open(order, TOTAL, APPROVED, ORIGIN)
    provider.gateway.authorize(payment_of(first))
    provider.gateway.capture(payment_of(first))
    assert provider.gateway.open(order, TOTAL, APPROVED, ORIGIN) == first
    assert provider.opened(order) == 1


# Authorization


def test_an_authorization_reserves_the_amount_and_moves_no_money(provider: Provider) -> None:
    payment = opened(provider)
    assert [provider.gateway.authorize(payment) for _ in range(3)] == [Authorized()] * 3
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), True)


@declined
def test_a_declined_payment_has_a_code_and_gets_it_again(provider: Provider, method: str, code: str) -> None:
    payment = opened(provider, method)
    assert [provider.gateway.authorize(payment) for _ in range(3)] == [Declined(code)] * 3
    assert provider.gateway.capture(payment) == Declined(code)
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


@declined
def test_a_declined_payment_can_be_voided(provider: Provider, method: str, code: str) -> None:
    payment = opened(provider, method)
    provider.gateway.authorize(payment)
    assert [provider.gateway.void(payment) for _ in range(2)] == [Voided()] * 2
    assert provider.gateway.authorize(payment) in (Voided(), Declined(code))
    assert provider.moved(payment) == (0, 0)


@with_banks
def test_a_payment_is_processing_until_the_bank_decides(provider: BankedProvider) -> None:
    payment = opened(provider, "pm_card_processing")
    assert provider.gateway.authorize(payment) == Processing()
    assert not provider.reserved(payment)
    provider.decide(payment)
    assert provider.gateway.inspect(payment).outcome == Authorized()
    assert provider.gateway.authorize(payment) == Authorized()
    assert provider.gateway.capture(payment) == Captured()


@with_banks
def test_a_payment_that_is_processing_can_be_neither_captured_nor_voided(provider: BankedProvider) -> None:
    payment = opened(provider, "pm_card_processing")
    provider.gateway.authorize(payment)
    with pytest.raises(ValueError, match="processing"):
        provider.gateway.capture(payment)
    assert provider.gateway.void(payment) == Processing()
    provider.decide(payment)
    assert provider.gateway.void(payment) == Voided()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


# Approval


def test_a_payment_awaits_its_customers_approval_and_reserves_nothing_before(provider: Provider) -> None:
    payment = opened(provider, provider.authenticated)
    assert [provider.gateway.authorize(payment) for _ in range(3)] == [ActionRequired()] * 3
    assert provider.gateway.inspect(payment).outcome == ActionRequired()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_an_approved_payment_is_authorized_and_can_be_captured(provider: Provider) -> None:
    payment = awaiting_approval(provider)
    provider.answer(payment, approved=True)
    assert provider.reserved(payment)
    assert provider.gateway.inspect(payment).outcome == provider.gateway.authorize(payment) == Authorized()
    assert provider.gateway.capture(payment) == Captured()
    assert provider.moved(payment) == (1, 0)


def test_a_payment_that_its_customer_declines_is_declined_for_good(provider: Provider) -> None:
    payment = awaiting_approval(provider)
    provider.answer(payment, approved=False)
    failed = Declined(AUTHENTICATION_FAILED)
    assert [provider.gateway.inspect(payment).outcome for _ in range(2)] == [failed] * 2
    provider.answer(payment, approved=True)
    assert provider.gateway.inspect(payment).outcome == failed
    assert provider.gateway.authorize(payment) == provider.gateway.capture(payment) == failed
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


def test_a_payment_that_its_customer_declined_before_its_authorization_is_repeated_is_declined_for_good(
    provider: Provider,
) -> None:
    payment = awaiting_approval(provider)
    provider.answer(payment, approved=False)
    assert provider.gateway.authorize(payment) == Declined(AUTHENTICATION_FAILED)
    provider.answer(payment, approved=True)
    assert provider.gateway.authorize(payment) == Declined(AUTHENTICATION_FAILED)
    assert not provider.reserved(payment)


def test_a_payment_that_is_voided_while_it_awaits_approval_cannot_be_approved(provider: Provider) -> None:
    payment = awaiting_approval(provider)
    assert provider.gateway.void(payment) == Voided()
    provider.answer(payment, approved=True)
    assert provider.gateway.inspect(payment).outcome == Voided()
    assert not provider.reserved(payment)


def test_only_a_payment_that_awaits_approval_has_a_secret_for_it(provider: Provider) -> None:
    payment = opened(provider, provider.authenticated)
    assert provider.gateway.approval(payment) is None
    provider.gateway.authorize(payment)
    approval = provider.gateway.approval(payment)
    assert approval is not None
    assert len(approval.client_secret) > len(payment)
    assert approval == provider.gateway.approval(payment)
    provider.answer(payment, approved=True)
    assert provider.gateway.approval(payment) is None
    assert provider.gateway.approval(captured(provider)) is None


# Capture


def test_a_payment_captured_several_times_moves_its_money_once(provider: Provider) -> None:
    payment = authorized(provider)
    assert [provider.gateway.capture(payment) for _ in range(3)] == [Captured()] * 3
    assert (provider.moved(payment), provider.reserved(payment)) == ((1, 0), False)


def test_the_authorization_of_a_captured_payment_returns_captured(provider: Provider) -> None:
    payment = captured(provider)
    assert provider.gateway.authorize(payment) == Captured()
    assert provider.moved(payment) == (1, 0)


@pytest.mark.parametrize("begin", [opened, awaiting_approval])
def test_a_payment_that_is_not_authorized_cannot_be_captured(
    provider: Provider, begin: Callable[[Provider], str]
) -> None:
    payment = begin(provider)
    with pytest.raises(Exception, match=r"open|action|not authorized"):
        provider.gateway.capture(payment)
    assert provider.moved(payment) == (0, 0)


@with_banks
def test_a_payment_whose_authorization_expired_is_declined_and_moves_no_money(provider: BankedProvider) -> None:
    payment = authorized(provider, "pm_card_authorization_expires")
    assert [provider.gateway.capture(payment) for _ in range(2)] == [Declined(AUTHORIZATION_EXPIRED)] * 2
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)
    assert provider.gateway.void(payment) == Voided()


# Voiding


@pytest.mark.parametrize("begin", [opened, authorized, awaiting_approval])
def test_a_payment_that_is_voided_before_its_capture_moves_nothing_afterwards(
    provider: Provider, begin: Callable[[Provider], str]
) -> None:
    payment = begin(provider)
    assert [provider.gateway.void(payment) for _ in range(2)] == [Voided()] * 2
    assert provider.gateway.authorize(payment) == provider.gateway.capture(payment) == Voided()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


@pytest.mark.parametrize("back", [0, 500, TOTAL.amount])
def test_a_captured_payment_cannot_be_voided_however_much_of_it_went_back(provider: Provider, back: int) -> None:
    payment = captured(provider)
    if back:
        provider.gateway.refund(payment, new_attempt(), part(back))
    assert provider.gateway.void(payment) == Captured()
    assert provider.moved(payment) == (1, back)


@pytest.mark.parametrize("_again", range(10))
def test_a_concurrent_capture_and_void_end_in_one_outcome(provider: Provider, _again: int) -> None:
    payment = authorized(provider)
    done, undone = at_once(lambda: provider.gateway.capture(payment), lambda: provider.gateway.void(payment))
    assert done == undone
    assert (done, provider.moved(payment)) in ((Voided(), (0, 0)), (Captured(), (1, 0)))
    assert provider.gateway.capture(payment) == provider.gateway.void(payment) == done


@pytest.mark.parametrize("_again", range(10))
def test_a_concurrent_authorization_and_void_reserve_nothing(provider: Provider, _again: int) -> None:
    payment = opened(provider)
    done, undone = at_once(lambda: provider.gateway.authorize(payment), lambda: provider.gateway.void(payment))
    assert done in (Authorized(), Voided())
    assert undone == Voided()
    assert (provider.moved(payment), provider.reserved(payment)) == ((0, 0), False)


# Refunds


def test_refunds_of_parts_add_up(provider: Provider) -> None:
    payment = captured(provider)
    assert provider.gateway.refund(payment, new_attempt(), part(500)) == Refunded(part(500))
    assert provider.gateway.refund(payment, new_attempt(), part(700)) == Refunded(part(700))
    assert provider.moved(payment) == (1, 1200)
    assert provider.gateway.inspect(payment).outcome == Captured()


def test_a_refund_without_an_amount_returns_all_that_is_left(provider: Provider) -> None:
    payment = captured(provider)
    provider.gateway.refund(payment, new_attempt(), part(500))
    assert provider.gateway.refund(payment, new_attempt(), None) == Refunded(part(1499))
    assert provider.gateway.refund(payment, new_attempt(), None) == Refunded(part(0))
    assert provider.moved(payment) == (1, 1999)


def test_an_attempt_is_made_once_and_repeats_its_outcome(provider: Provider) -> None:
    payment, attempt = captured(provider), new_attempt()
    assert [provider.gateway.refund(payment, attempt, part(500)) for _ in range(3)] == [Refunded(part(500))] * 3
    assert provider.moved(payment) == (1, 500)


def test_an_attempt_to_refund_all_repeats_its_outcome(provider: Provider) -> None:
    payment, attempt = captured(provider), new_attempt()
    assert [provider.gateway.refund(payment, attempt, None) for _ in range(3)] == [Refunded(TOTAL)] * 3
    assert provider.moved(payment) == (1, 1999)


def test_a_refund_above_what_is_left_is_refused(provider: Provider) -> None:
    payment, attempt = captured(provider), new_attempt()
    provider.gateway.refund(payment, new_attempt(), part(1000))
    assert [provider.gateway.refund(payment, attempt, part(1000)) for _ in range(2)] == [NotRefunded(TOO_MUCH)] * 2
    assert provider.moved(payment) == (1, 1000)
    assert provider.gateway.refund(payment, new_attempt(), part(999)) == Refunded(part(999))


@pytest.mark.parametrize("_again", range(10))
def test_two_refunds_at_once_never_exceed_the_capture(provider: Provider, _again: int) -> None:
    payment = captured(provider)
    answers = at_once(*[lambda: provider.gateway.refund(payment, new_attempt(), part(1200))] * 2)
    assert sorted(answers, key=repr) == [NotRefunded(TOO_MUCH), Refunded(part(1200))]
    assert provider.moved(payment) == (1, 1200)


@pytest.mark.parametrize("_again", range(10))
def test_an_attempt_that_is_made_twice_at_once_refunds_once(provider: Provider, _again: int) -> None:
    payment, attempt = captured(provider), new_attempt()
    answers = at_once(*[lambda: provider.gateway.refund(payment, attempt, part(500))] * 2)
    assert answers == [Refunded(part(500))] * 2
    assert provider.moved(payment) == (1, 500)


def test_a_payment_whose_money_went_back_stays_returned(provider: Provider) -> None:
    payment = captured(provider)
    provider.gateway.refund(payment, new_attempt(), None)
    assert provider.gateway.authorize(payment) == provider.gateway.capture(payment) == Returned(TOTAL)
    assert provider.gateway.inspect(payment).outcome == Returned(TOTAL)
    assert provider.moved(payment) == (1, 1999)


@strict
@pytest.mark.parametrize("begin", [opened, awaiting_approval, authorized])
def test_a_payment_that_was_not_captured_cannot_be_refunded(
    provider: Provider, begin: Callable[[Provider], str]
) -> None:
    payment = begin(provider)
    with pytest.raises(Exception, match="refunded"):
        provider.gateway.refund(payment, new_attempt(), part(500))
    assert provider.moved(payment) == (0, 0)


@with_banks
def test_a_pending_refund_is_refunded_once_the_bank_has_decided(provider: BankedProvider) -> None:
    payment, attempt = captured(provider, "pm_card_refund_pending"), new_attempt()
    assert provider.gateway.refund(payment, attempt, part(500)) == RefundPending()
    assert provider.moved(payment) == (1, 0)
    provider.decide(payment)
    assert provider.gateway.inspect(payment).refunds == {attempt: Refunded(part(500))}
    assert provider.gateway.refund(payment, attempt, part(500)) == Refunded(part(500))
    assert provider.moved(payment) == (1, 500)


@with_banks
def test_the_amount_of_a_pending_refund_cannot_be_refunded_again(provider: BankedProvider) -> None:
    payment = captured(provider, "pm_card_refund_pending")
    provider.gateway.refund(payment, new_attempt(), part(1500))
    assert provider.gateway.refund(payment, new_attempt(), part(500)) == NotRefunded(TOO_MUCH)
    assert provider.gateway.void(payment) == provider.gateway.capture(payment) == Captured()


@with_banks
def test_an_attempt_that_failed_stays_failed_and_a_new_one_tries_again(provider: BankedProvider) -> None:
    payment, attempt = captured(provider, "pm_card_refund_fails"), new_attempt()
    failed = NotRefunded("expired_or_canceled_card")
    assert [provider.gateway.refund(payment, attempt, part(500)) for _ in range(2)] == [failed] * 2
    assert provider.gateway.inspect(payment).refunds == {attempt: failed}
    assert provider.moved(payment) == (1, 0)
    again = new_attempt()
    assert provider.gateway.refund(payment, again, part(500)) == Refunded(part(500))
    assert provider.gateway.refund(payment, attempt, part(500)) == failed
    assert provider.gateway.inspect(payment).refunds == {attempt: failed, again: Refunded(part(500))}
    assert provider.moved(payment) == (1, 500)


@with_banks
def test_a_refund_whose_money_the_bank_returns_has_failed(provider: BankedProvider) -> None:
    payment, attempt = captured(provider, "pm_card_refund_returned"), new_attempt()
    assert provider.gateway.refund(payment, attempt, None) == Refunded(TOTAL)
    assert provider.moved(payment) == (1, 1999)
    provider.return_money(payment)
    assert isinstance(provider.gateway.inspect(payment).refunds[attempt], NotRefunded)
    assert isinstance(provider.gateway.refund(payment, attempt, None), NotRefunded)
    assert provider.moved(payment) == (1, 0)
    assert provider.gateway.capture(payment) == Captured()


# Disputes


@with_banks
@pytest.mark.parametrize("status", ["open", "won", "lost"])
def test_a_dispute_forbids_refunds_unless_the_shop_has_won_it(provider: BankedProvider, status: str) -> None:
    payment = disputed(provider)
    if status != "open":
        provider.close_dispute(payment, "won" if status == "won" else "lost")
    (found,) = provider.gateway.inspect(payment).disputes
    assert (found, found.id[:3]) == (FoundDispute(found.id, TOTAL, "fraudulent", found.status), "dp_")
    assert found.status == status
    expected = Refunded(part(500)) if status == "won" else NotRefunded("charge_disputed")
    attempt = new_attempt()
    assert [provider.gateway.refund(payment, attempt, part(500)) for _ in range(2)] == [expected] * 2
    assert provider.moved(payment) == (1, 500 if status == "won" else 0)


@with_banks
def test_the_payments_with_a_recent_dispute_are_listed(provider: BankedProvider) -> None:
    captured(provider)
    payment = disputed(provider)
    assert list(provider.gateway.disputed_since(0)) == [payment]
    # A day that no clock of a test reaches.
    assert list(provider.gateway.disputed_since(2**43)) == []


# Inspection


@pytest.mark.parametrize(
    ("begin", "outcome"),
    [(opened, None), (awaiting_approval, ActionRequired()), (authorized, Authorized()), (captured, Captured())],
)
def test_an_inspection_returns_the_payment_as_it_is(
    provider: Provider, begin: Callable[[Provider], str], outcome: object
) -> None:
    payment = begin(provider)
    assert [provider.gateway.inspect(payment) for _ in range(2)] == [Inspection(outcome, TOTAL)] * 2  # type: ignore[arg-type]  # each is an outcome


def test_an_inspection_changes_nothing(provider: Provider) -> None:
    payment = opened(provider)
    provider.gateway.inspect(payment)
    assert provider.gateway.authorize(payment) == Authorized()
    provider.gateway.inspect(payment)
    assert provider.gateway.capture(payment) == Captured()
    provider.gateway.inspect(payment)
    assert provider.moved(payment) == (1, 0)


@tried
def test_an_inspection_returns_why_a_payment_was_declined(provider: Provider, method: str, code: str) -> None:
    payment = opened(provider, method)
    provider.gateway.authorize(payment)
    assert provider.gateway.inspect(payment).outcome == Declined(code)


def test_an_inspection_returns_a_voided_payment(provider: Provider) -> None:
    payment = authorized(provider)
    provider.gateway.void(payment)
    assert provider.gateway.inspect(payment).outcome == Voided()


def test_an_inspection_returns_the_outcome_of_each_attempt(provider: Provider) -> None:
    payment, first, second = captured(provider), new_attempt(), new_attempt()
    provider.gateway.refund(payment, first, part(500))
    provider.gateway.refund(payment, second, None)
    assert provider.gateway.inspect(payment) == Inspection(
        Returned(TOTAL), TOTAL, {first: Refunded(part(500)), second: Refunded(part(1499))}
    )


# Labels


def test_the_labels_of_a_payment_are_those_with_which_it_was_opened(provider: Provider) -> None:
    order = new_order()
    payment = payment_of(provider.gateway.open(order, TOTAL, APPROVED, ORIGIN))
    assert provider.gateway.labels(payment) == Labels(order, ORIGIN)


def test_a_payment_of_another_stage_has_no_labels_here(provider: Provider) -> None:
    assert provider.gateway.labels(provider.opened_elsewhere()) is None


def test_an_unknown_payment_has_no_labels(provider: Provider) -> None:
    assert provider.gateway.labels(f"{opened(provider)[:-4]}none") is None
