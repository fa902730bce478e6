"""Stripe's gateway over HTTP: lost answers, concurrent calls, refused keys, and cards that need approval."""

import json
import socket
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
import stripe

from contracts.values.money import Money
from functions.payment.gateway import Authorized, Captured, Declined, Refunded, Voided
from functions.payment.stripe_gateway import AUTHENTICATION_REQUIRED, StripeGateway
from tests.gateway.keys import StubSecrets
from tests.gateway.providers import (
    APPROVED,
    TOTAL,
    StripeProvider,
    authorized,
    captured,
    new_order,
    opened,
    payment_of,
)
from tests.gateway.stripe_edge import KEY, LOOPBACK, StripeEdge
from tidings.core.errors import RetryableError

NEEDS_APPROVAL = "4000002500003155"


def repeat(call: Callable[[], object]) -> object:
    """Make a call whose first answer is lost, and return the second one."""
    with pytest.raises(RetryableError, match="APIConnectionError"):
        call()
    return call()


def test_a_payment_is_opened_unconfirmed_for_cards_with_its_order_in_the_metadata(
    stripe_provider: StripeProvider,
) -> None:
    order = new_order()
    payment = payment_of(stripe_provider.gateway.open(order, TOTAL, APPROVED))
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
    }
    intent = stripe_provider.intent(payment)
    assert (intent["status"], intent["metadata"]) == ("requires_confirmation", {"order": order})


def test_a_payment_is_opened_once_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    order = new_order()
    stripe_provider.edge.lost.add("/payment_intents")
    repeat(lambda: stripe_provider.gateway.open(order, TOTAL, APPROVED))
    assert stripe_provider.opened(order) == 1


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


def test_a_payment_is_refunded_once_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = captured(stripe_provider)
    stripe_provider.edge.lost.add("/refunds")
    assert repeat(lambda: stripe_provider.gateway.cancel(payment)) == Refunded(TOTAL)
    assert stripe_provider.moved(payment) == (1, 1)


def test_what_staff_refunded_at_the_dashboard_is_not_refunded_again(stripe_provider: StripeProvider) -> None:
    payment = captured(stripe_provider)
    stripe_provider.refund(payment, 500)
    assert stripe_provider.gateway.cancel(payment) == Refunded(Money(1499, "EUR"))
    assert stripe_provider.gateway.cancel(payment) == Refunded(Money(1499, "EUR"))
    assert [each["amount"] for each in stripe_provider.listed("refunds") if each["payment_intent"] == payment] in (
        [500, 1499],
        [1499, 500],
    )


def test_a_payment_is_voided_if_the_answer_is_lost(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.lost.add("/cancel")
    assert repeat(lambda: stripe_provider.gateway.cancel(payment)) == Voided()


def test_a_payment_captured_just_before_its_cancellation_is_refunded(stripe_provider: StripeProvider) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.before["/cancel"] = lambda: stripe_provider.gateway.capture(payment)
    assert stripe_provider.gateway.cancel(payment) == Refunded(TOTAL)
    assert stripe_provider.moved(payment) == (1, 1)


def test_a_payment_cancelled_just_before_its_authorization_reserves_no_money(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.before["/confirm"] = lambda: stripe_provider.gateway.cancel(payment)
    assert stripe_provider.gateway.authorize(payment) == Voided()
    assert not stripe_provider.reserved(payment)


def test_a_payment_cancelled_just_before_its_capture_moves_no_money(stripe_provider: StripeProvider) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.before["/capture"] = lambda: stripe_provider.gateway.cancel(payment)
    assert stripe_provider.gateway.capture(payment) == Voided()
    assert stripe_provider.moved(payment) == (0, 0)


def test_two_concurrent_cancellations_both_return_voided(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider)
    stripe_provider.edge.before["/cancel"] = lambda: stripe_provider.gateway.cancel(payment)
    assert stripe_provider.gateway.cancel(payment) == Voided()


def test_a_payment_that_its_customer_must_approve_is_declined_and_cancelled(stripe_provider: StripeProvider) -> None:
    payment = opened(stripe_provider, stripe_provider.card(NEEDS_APPROVAL))
    assert [stripe_provider.gateway.authorize(payment) for _ in range(2)] == [Declined(AUTHENTICATION_REQUIRED)] * 2
    assert stripe_provider.intent(payment)["status"] == "canceled"
    assert stripe_provider.gateway.cancel(payment) == Voided()
    assert stripe_provider.moved(payment) == (0, 0)


@pytest.mark.parametrize("lost", ["/confirm", "/cancel"])
def test_a_payment_that_needs_approval_is_declined_with_that_code_if_an_answer_is_lost(
    stripe_provider: StripeProvider, lost: str
) -> None:
    payment = opened(stripe_provider, stripe_provider.card(NEEDS_APPROVAL))
    stripe_provider.edge.lost.add(lost)
    assert repeat(lambda: stripe_provider.gateway.authorize(payment)) == Declined(AUTHENTICATION_REQUIRED)
    assert stripe_provider.intent(payment)["status"] == "canceled"


def test_a_rotated_key_is_used_as_soon_as_the_old_one_is_refused(
    stripe_provider: StripeProvider, secrets: StubSecrets
) -> None:
    payment = authorized(stripe_provider)
    stripe_provider.edge.api_key = secrets.value = "sk_test_the_second"
    assert stripe_provider.gateway.capture(payment) == Captured()
    assert [call.key for call in stripe_provider.edge.calls[-2:]] == [KEY, "sk_test_the_second"]
    assert stripe_provider.gateway.cancel(payment) == Refunded(TOTAL)
    assert secrets.reads == 2


def test_an_unknown_key_raises_an_error(edge: StripeEdge) -> None:
    secrets = StubSecrets("sk_test_nobodys")
    with pytest.raises(stripe.AuthenticationError):
        StripeGateway(secrets.secret(), edge.url).authorize("pi_1")
    assert (len(edge.calls), secrets.reads) == (1, 2)


def test_a_refused_connection_is_retryable(secrets: StubSecrets) -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(RetryableError, match="APIConnectionError"):
        StripeGateway(secrets.secret(), f"http://{LOOPBACK}:{port}").authorize("pi_1")


def test_requests_contain_no_telemetry(stripe_provider: StripeProvider) -> None:
    authorized(stripe_provider)
    for call in stripe_provider.edge.calls:
        assert "X-Stripe-Client-Telemetry" not in call.headers
        assert "platform" not in json.loads(call.headers["X-Stripe-Client-User-Agent"])
