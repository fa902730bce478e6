"""Stripe's gateway over HTTP, where the network, the keys or the customer's bank do what no simulation does."""

import json
import socket
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
import stripe

from functions.payment.gateway import Captured, Declined, Refunded, Voided
from functions.payment.stripe_gateway import AUTHENTICATION_REQUIRED, StripeGateway
from tests.gateway.bench import APPROVED, TOTAL, StripeBench, new_order, opened, payment_of
from tests.gateway.keys import StubSecrets
from tests.gateway.stripe_edge import KEY, LOOPBACK, StripeEdge
from tidings.errors import RetryableError

ASKS_FOR_APPROVAL = "4000002500003155"


def once_more(call: Callable[[], object]) -> object:
    """What a call answers that is made again after its first answer was lost."""
    with pytest.raises(RetryableError, match="APIConnectionError"):
        call()
    return call()


def test_a_payment_is_opened_unconfirmed_for_cards_and_says_which_order_it_is_for(stripe_bench: StripeBench) -> None:
    order = new_order()
    payment = payment_of(stripe_bench.gateway.open(order, TOTAL, APPROVED))
    (call,) = stripe_bench.edge.calls
    assert call.idempotency_key == f"{order}/open"
    assert parse_qs(call.body.decode()) == {
        "amount": ["1999"],
        "currency": ["eur"],
        "payment_method": [APPROVED],
        "allowed_payment_method_types[0]": ["card"],
        "confirm": ["false"],
        "metadata[order]": [order],
    }
    intent = stripe_bench.intent(payment)
    assert (intent["status"], intent["metadata"]) == ("requires_confirmation", {"order": order})


def test_a_payment_whose_opening_was_not_heard_of_is_opened_once(stripe_bench: StripeBench) -> None:
    order = new_order()
    stripe_bench.edge.lost.add("/payment_intents")
    once_more(lambda: stripe_bench.gateway.open(order, TOTAL, APPROVED))
    assert stripe_bench.opened(order) == 1


def test_a_payment_whose_confirmation_was_not_heard_of_is_captured_once(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.lost.add("/confirm")
    assert once_more(lambda: stripe_bench.gateway.confirm(payment)) == Captured()
    assert stripe_bench.moved(payment) == (1, 0)


def test_a_payment_whose_refund_was_not_heard_of_is_refunded_once(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.gateway.confirm(payment)
    stripe_bench.edge.lost.add("/refunds")
    assert once_more(lambda: stripe_bench.gateway.cancel(payment)) == Refunded()
    assert stripe_bench.moved(payment) == (1, 1)


def test_a_payment_whose_cancellation_was_not_heard_of_is_void(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.lost.add("/cancel")
    assert once_more(lambda: stripe_bench.gateway.cancel(payment)) == Voided()


def test_a_confirmation_just_before_a_cancellation_is_refunded(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.before["/cancel"] = lambda: stripe_bench.gateway.confirm(payment)
    assert stripe_bench.gateway.cancel(payment) == Refunded()
    assert stripe_bench.moved(payment) == (1, 1)


def test_a_cancellation_just_before_a_confirmation_leaves_the_money(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.before["/confirm"] = lambda: stripe_bench.gateway.cancel(payment)
    assert stripe_bench.gateway.confirm(payment) == Voided()
    assert stripe_bench.moved(payment) == (0, 0)


def test_two_cancellations_at_the_same_moment_void_the_payment_for_both(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.before["/cancel"] = lambda: stripe_bench.gateway.cancel(payment)
    assert stripe_bench.gateway.cancel(payment) == Voided()


def test_a_payment_that_its_customer_must_approve_is_declined_and_closed(stripe_bench: StripeBench) -> None:
    payment = opened(stripe_bench, stripe_bench.card(ASKS_FOR_APPROVAL))
    assert [stripe_bench.gateway.confirm(payment) for _ in range(2)] == [Declined(AUTHENTICATION_REQUIRED)] * 2
    assert stripe_bench.intent(payment)["status"] == "canceled"
    assert stripe_bench.gateway.cancel(payment) == Voided()
    assert stripe_bench.moved(payment) == (0, 0)


@pytest.mark.parametrize("lost", ["/confirm", "/cancel"])
def test_a_payment_to_approve_is_told_as_such_also_where_an_answer_was_lost(
    stripe_bench: StripeBench, lost: str
) -> None:
    payment = opened(stripe_bench, stripe_bench.card(ASKS_FOR_APPROVAL))
    stripe_bench.edge.lost.add(lost)
    assert once_more(lambda: stripe_bench.gateway.confirm(payment)) == Declined(AUTHENTICATION_REQUIRED)
    assert stripe_bench.intent(payment)["status"] == "canceled"


def test_a_rolled_key_is_taken_up_with_the_first_call_that_the_old_one_is_refused(
    stripe_bench: StripeBench, secrets: StubSecrets
) -> None:
    payment = opened(stripe_bench)
    stripe_bench.edge.api_key = secrets.value = "sk_test_the_second"
    assert stripe_bench.gateway.confirm(payment) == Captured()
    assert [call.key for call in stripe_bench.edge.calls[-2:]] == [KEY, "sk_test_the_second"]
    assert stripe_bench.gateway.cancel(payment) == Refunded()
    assert secrets.reads == 2


def test_a_key_that_stripe_does_not_know_is_an_error(edge: StripeEdge) -> None:
    secrets = StubSecrets("sk_test_nobodys")
    with pytest.raises(stripe.AuthenticationError):
        StripeGateway(secrets.secret(), edge.url).confirm("pi_1")
    assert (len(edge.calls), secrets.reads) == (1, 2)


def test_where_nobody_listens_the_call_may_be_made_again(secrets: StubSecrets) -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(RetryableError, match="APIConnectionError"):
        StripeGateway(secrets.secret(), f"http://{LOOPBACK}:{port}").confirm("pi_1")


def test_stripe_is_told_nothing_of_the_machine_and_the_last_call(stripe_bench: StripeBench) -> None:
    stripe_bench.gateway.confirm(opened(stripe_bench))
    for call in stripe_bench.edge.calls:
        assert "X-Stripe-Client-Telemetry" not in call.headers
        assert "platform" not in json.loads(call.headers["X-Stripe-Client-User-Agent"])
