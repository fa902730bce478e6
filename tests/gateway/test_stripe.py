"""Stripe's gateway over HTTP: lost answers, concurrent calls, refused keys, approvals and refunds."""

import json
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
import stripe

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHENTICATION_FAILED,
    TOO_MUCH,
    ActionRequired,
    Approval,
    Authorized,
    Captured,
    Declined,
    Inspection,
    Labels,
    NotRefunded,
    Origin,
    Refunded,
    Returned,
    Voided,
)
from tests.gateway.keys import StubSecrets
from tests.gateway.providers import (
    APPROVED,
    ORIGIN,
    TOTAL,
    authorized,
    awaiting_approval,
    captured,
    new_order,
    opened,
    payment_of,
)
from tests.gateway.stripe_edge import KEY, LOOPBACK, StripeEdge
from tests.gateway.stripe_provider import StripeProvider, stripe_gateway
from tidings.core.errors import RetryableError

PART = Money(500, "EUR")
REST = Money(1499, "EUR")


def repeat(call: Callable[[], object]) -> object:
    """Make a call whose first answer is lost, and return the second one."""
    with pytest.raises(RetryableError, match="APIConnectionError"):
        call()
    return call()


# Payments


def test_a_payment_is_opened_unconfirmed_for_cards_with_its_labels_in_the_metadata(
    stripe_provider: StripeProvider,
) -> None:
    order = new_order()
    payment = payment_of(stripe_provider.gateway.open(order, TOTAL, APPROVED, ORIGIN))
    (call,) = stripe_provider.edge.calls
    assert call.idempotency_key == f"{order}/open"
    assert parse_qs(call.body.decode()) == {
        "amount": ["1999"],
        "currency": ["eur"],
        "payment_method": [APPROVED],
        "allowed_payment_method_types[0]": ["card"],
        "capture_method": ["manual"],
        "confirm": ["false"],
        "metadata[order]": [order],
        "metadata[stage]": ["test"],
        "metadata[correlation]": [ORIGIN.correlation],
        "metadata[trace]": [ORIGIN.trace],
    }
    assert stripe_provider.intent(payment)["status"] == "requires_confirmation"
    assert stripe_provider.gateway.labels(payment) == Labels(order, ORIGIN)
    assert stripe_provider.gateway.labels("pi_unknown") is None


def test_a_payment_is_opened_once_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    order = new_order()
    stripe_provider.edge.lost.add("/payment_intents")
    repeat(lambda: stripe_provider.gateway.open(order, TOTAL, APPROVED, ORIGIN))
    assert stripe_provider.opened(order) == 1


def test_the_first_payment_that_this_stage_opened_for_an_order_is_found(stripe_provider: StripeProvider) -> None:
    order = new_order()
    stripe_provider.elsewhere.open(order, TOTAL, APPROVED, ORIGIN)
    assert stripe_provider.gateway.find(order, placed=0) is None
    first = payment_of(stripe_provider.gateway.open(order, TOTAL, APPROVED, ORIGIN))
    # A day later, Stripe has forgotten the idempotency key.
    stripe_provider.edge.forget_keys()
    stripe_provider.gateway.open(order, TOTAL, APPROVED, ORIGIN)
    assert stripe_provider.opened(order) == 3
    assert stripe_provider.gateway.find(order, placed=0) == first


def test_a_payment_is_opened_on_the_same_day_with_another_parameter(stripe_provider: StripeProvider) -> None:
    order, gateway = new_order(), stripe_provider.gateway
    first = gateway.open(order, TOTAL, APPROVED, ORIGIN)
    changed = Origin("request-2", ORIGIN.trace)
    assert gateway.open(order, TOTAL, APPROVED, changed) == gateway.open(order, TOTAL, APPROVED, changed) != first


def test_a_payment_is_authorized_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.lost.add("/confirm")
    assert repeat(lambda: stripe_provider.gateway.authorize(payment)) == Authorized()
    assert stripe_provider.reserved(payment)


def test_a_payment_is_captured_once_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.lost.add("/capture")
    assert repeat(lambda: stripe_provider.gateway.capture(payment)) == Captured()
    assert stripe_provider.moved(payment) == (1, 0)


def test_a_payment_is_voided_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.lost.add("/cancel")
    assert repeat(lambda: stripe_provider.gateway.void(payment)) == Voided()


def test_a_payment_captured_just_before_it_is_voided_stays_captured(stripe_provider: StripeProvider) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.before["/cancel"] = lambda: stripe_provider.gateway.capture(payment)
    assert stripe_provider.gateway.void(payment) == Captured()
    assert stripe_provider.moved(payment) == (1, 0)


def test_a_payment_voided_just_before_its_authorization_reserves_no_money(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.before["/confirm"] = lambda: stripe_provider.gateway.void(payment)
    assert stripe_provider.gateway.authorize(payment) == Voided()
    assert not stripe_provider.reserved(payment)


def test_a_payment_voided_just_before_its_capture_moves_no_money(stripe_provider: StripeProvider) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.before["/capture"] = lambda: stripe_provider.gateway.void(payment)
    assert stripe_provider.gateway.capture(payment) == Voided()
    assert stripe_provider.moved(payment) == (0, 0)


def test_a_payment_that_is_voided_twice_at_once_is_void(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.before["/cancel"] = lambda: stripe_provider.gateway.void(payment)
    assert stripe_provider.gateway.void(payment) == Voided()


# Approvals


def test_a_payment_that_its_customer_approves_is_authorized(stripe_provider: StripeProvider) -> None:
    payment, gateway = awaiting_approval(stripe_provider), stripe_provider.gateway
    assert gateway.authorize(payment) == gateway.inspect(payment).outcome == ActionRequired()
    secret = stripe_provider.intent(payment)["client_secret"]
    assert gateway.approval(payment) == Approval("pk_test_1", secret)
    stripe_provider.answer(payment, approved=True)
    assert gateway.inspect(payment) == Inspection(Authorized(), TOTAL)
    assert gateway.approval(payment) is None
    assert gateway.capture(payment) == Captured()


def test_a_payment_that_its_customer_does_not_approve_is_declined_and_cannot_be_approved_any_more(
    stripe_provider: StripeProvider,
) -> None:
    payment, gateway = awaiting_approval(stripe_provider), stripe_provider.gateway
    stripe_provider.answer(payment, approved=False)
    assert [gateway.inspect(payment).outcome for _ in range(2)] == [Declined(AUTHENTICATION_FAILED)] * 2
    assert stripe_provider.intent(payment)["status"] == "canceled"
    assert gateway.void(payment) == Voided()
    assert stripe_provider.moved(payment) == (0, 0)


@pytest.mark.parametrize("lost", ["/payment_intents/{}", "/cancel"])
def test_a_payment_that_is_not_approved_is_declined_with_that_code_if_an_answer_is_lost(
    stripe_provider: StripeProvider, lost: str
) -> None:
    payment = awaiting_approval(stripe_provider)
    stripe_provider.answer(payment, approved=False)
    stripe_provider.edge.lost.add(lost.format(payment))
    assert repeat(lambda: stripe_provider.gateway.inspect(payment).outcome) == Declined(AUTHENTICATION_FAILED)
    assert stripe_provider.intent(payment)["status"] == "canceled"


def test_a_payment_that_is_voided_while_it_awaits_an_approval_reserves_no_money(
    stripe_provider: StripeProvider,
) -> None:
    payment = awaiting_approval(stripe_provider)
    assert stripe_provider.gateway.void(payment) == Voided()
    assert stripe_provider.gateway.inspect(payment) == Inspection(Voided(), TOTAL)


def test_a_client_secret_is_in_no_log(stripe_provider: StripeProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    payment = awaiting_approval(stripe_provider)
    approval = stripe_provider.gateway.approval(payment)
    assert approval
    assert payment in caplog.text
    assert approval.client_secret not in caplog.text


# Refunds


def test_a_payment_is_refunded_once_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = captured(stripe_provider)
    stripe_provider.edge.lost.add("/refunds")
    assert repeat(lambda: stripe_provider.gateway.refund(payment, "refund-1", None)) == Refunded(TOTAL)
    assert stripe_provider.gateway.inspect(payment) == Inspection(Returned(TOTAL), TOTAL, {"refund-1": Refunded(TOTAL)})
    assert stripe_provider.refunded(payment) == [1999]


def test_staffs_refunds_at_the_dashboard_are_not_made_again(stripe_provider: StripeProvider) -> None:
    payment, gateway = captured(stripe_provider), stripe_provider.gateway
    stripe_provider.refund(payment, 500)
    assert gateway.refund(payment, "refund-1", TOTAL) == NotRefunded(TOO_MUCH)
    assert [gateway.refund(payment, "refund-2", None) for _ in range(2)] == [Refunded(REST)] * 2
    assert gateway.refund(payment, "refund-3", None) == Refunded(Money(0, "EUR"))
    assert stripe_provider.refunded(payment) == [500, 1499]


def test_a_refund_is_found_on_the_second_page(stripe_provider: StripeProvider) -> None:
    payment, gateway = captured(stripe_provider), stripe_provider.gateway
    assert gateway.refund(payment, "refund-1", PART) == Refunded(PART)
    for _ in range(101):
        stripe_provider.refund(payment, 1)
    assert gateway.refund(payment, "refund-1", PART) == Refunded(PART)
    assert gateway.inspect(payment) == Inspection(Captured(), TOTAL, {"refund-1": Refunded(PART)})
    assert sum(stripe_provider.refunded(payment)) == 601


def test_two_attempts_at_once_refund_no_more_than_was_captured(stripe_provider: StripeProvider) -> None:
    payment = captured(stripe_provider)
    with ThreadPoolExecutor(2) as executor:
        outcomes = executor.map(lambda name: stripe_provider.gateway.refund(payment, name, REST), ("one", "two"))
        assert sorted(map(str, outcomes)) == sorted(map(str, (Refunded(REST), NotRefunded(TOO_MUCH))))
    assert stripe_provider.refunded(payment) == [1499]


def test_a_refund_that_is_made_just_after_the_look_is_not_exceeded(stripe_provider: StripeProvider) -> None:
    payment, edge = captured(stripe_provider), stripe_provider.edge
    edge.before["/refunds"] = lambda: stripe_provider.refund(payment, 600)
    assert stripe_provider.gateway.refund(payment, "refund-1", REST) == NotRefunded(TOO_MUCH)
    edge.before["/refunds"] = lambda: stripe_provider.refund(payment, 1399)
    with pytest.raises(RetryableError, match="refunded meanwhile"):
        stripe_provider.gateway.refund(payment, "refund-2", None)
    assert stripe_provider.gateway.refund(payment, "refund-2", None) == Refunded(Money(0, "EUR"))


# Keys and connections


def test_a_rotated_key_is_used_as_soon_as_the_old_one_is_refused(
    stripe_provider: StripeProvider, secrets: StubSecrets
) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.api_key = secrets.value = "sk_test_the_second"
    assert stripe_provider.gateway.capture(payment) == Captured()
    assert [call.key for call in stripe_provider.edge.calls[-2:]] == [KEY, "sk_test_the_second"]
    assert stripe_provider.gateway.refund(payment, "refund-1", None) == Refunded(TOTAL)
    assert secrets.reads == 2


def test_an_unknown_key_raises_an_error(edge: StripeEdge) -> None:
    secrets = StubSecrets("sk_test_nobodys")
    with pytest.raises(stripe.AuthenticationError):
        stripe_gateway(secrets, edge.url).authorize("pi_1")
    assert (len(edge.calls), secrets.reads) == (1, 2)


def test_a_refused_connection_is_retryable(secrets: StubSecrets) -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(RetryableError, match="APIConnectionError"):
        stripe_gateway(secrets, f"http://{LOOPBACK}:{port}").authorize("pi_1")


def test_requests_contain_no_telemetry(stripe_provider: StripeProvider) -> None:
    authorized(stripe_provider)
    for call in stripe_provider.edge.calls:
        assert "X-Stripe-Client-Telemetry" not in call.headers
        assert "platform" not in json.loads(call.headers["X-Stripe-Client-User-Agent"])
