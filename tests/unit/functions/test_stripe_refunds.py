"""Stripe's refunds and disputes, over stubbed answers."""

from typing import Any

import pytest
import stripe

from contracts.values.money import Money
from functions.payment.gateway import (
    TOO_MUCH,
    Captured,
    FoundDispute,
    Inspection,
    NotRefunded,
    Refunded,
    RefundPending,
    Returned,
)
from tests.unit.facts import ORDER
from tests.unit.functions.stripe_answers import (
    ATTEMPT,
    AUTHORIZED,
    DISPUTES,
    FAILED,
    INTENT,
    REFUNDS,
    REUSED_KEY,
    TOTAL,
    Answer,
    answering,
    charged,
    dispute,
    intent,
    listed,
    refund,
    replayed,
    wrong,
)
from tidings.core.errors import RetryableError

NOTHING = Money(0, "EUR")
PART = Money(500, "EUR")
OTHER = f"{ORDER}/damaged/1"
DONE = Answer(200, refund("succeeded"))

# Making


@pytest.mark.parametrize("amount", [None, TOTAL])
def test_a_payment_is_refunded_with_two_calls_under_the_attempts_name(amount: Money | None) -> None:
    stripe_api = answering(charged(), DONE)
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, amount) == Refunded(TOTAL)
    assert stripe_api.http.paths == [INTENT, REFUNDS]
    request = stripe_api.http.requests[1]
    assert request.idempotency_key == ATTEMPT
    assert request.form == {
        "payment_intent": "pi_1",
        "amount": "2000",
        "metadata[order]": ORDER,
        "metadata[stage]": "test",
        "metadata[refund]": ATTEMPT,
    }


def test_a_part_of_a_payment_is_refunded() -> None:
    stripe_api = answering(charged(), Answer(200, refund("succeeded", 500)))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, PART) == Refunded(PART)
    assert stripe_api.http.requests[1].form["amount"] == "500"


def test_a_part_is_converted_to_stripes_units() -> None:
    charge = charged(amount=50000, amount_refunded=0)
    charge.body["currency"] = "isk"
    stripe_api = answering(charge, Answer(200, refund("succeeded", 20000, currency="isk")))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, Money(200, "ISK")) == Refunded(Money(200, "ISK"))
    assert stripe_api.http.requests[1].form["amount"] == "20000"


def test_an_amount_that_stripe_cannot_represent_is_not_refunded() -> None:
    assert answering(charged()).gateway.refund("pi_1", ATTEMPT, Money(550, "MGA")) == NotRefunded("indivisible_amount")


STATUSES = [
    (refund("succeeded"), Refunded(TOTAL)),
    (refund("succeeded", 1500), Refunded(Money(1500, "EUR"))),
    (refund("pending"), RefundPending()),
    (refund("requires_action"), RefundPending()),
    (refund("failed", failure_reason="expired_or_canceled_card"), NotRefunded("expired_or_canceled_card")),
    (refund("failed", failure_reason="The bank of Ann"), NotRefunded("unknown")),
    (refund("failed"), NotRefunded("failed")),
    (refund("canceled", failure_reason="merchant_request"), NotRefunded("merchant_request")),
    (refund("canceled"), NotRefunded("canceled")),
]


@pytest.mark.parametrize(("found", "outcome"), STATUSES)
def test_the_status_of_a_refund_is_its_outcome_when_it_is_made(found: dict[str, Any], outcome: object) -> None:
    assert answering(charged(), Answer(200, found)).gateway.refund("pi_1", ATTEMPT, None) == outcome


@pytest.mark.parametrize(("found", "outcome"), STATUSES)
def test_a_refund_that_was_made_before_is_found_by_its_attempt(found: dict[str, Any], outcome: object) -> None:
    stripe_api = answering(charged(refund("failed", attempt=OTHER, id="re_2"), found))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == outcome
    assert stripe_api.http.paths == [INTENT]


def test_a_refund_is_found_among_more_than_stripe_sends_with_the_payment() -> None:
    first = [refund("failed", attempt=f"{ORDER}/damaged/{n}", id=f"re_{n}") for n in range(100)]
    stripe_api = answering(
        charged(*first[:10], more_refunds=True), listed(*first, has_more=True), listed(refund("succeeded"))
    )
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == Refunded(TOTAL)
    assert stripe_api.http.paths == [INTENT, REFUNDS, REFUNDS]
    pages = [request.form for request in stripe_api.http.requests[1:]]
    assert pages == [
        {"payment_intent": "pi_1", "limit": "100"},
        {"payment_intent": "pi_1", "limit": "100", "starting_after": "re_99"},
    ]


# No more than is left


def test_all_that_staff_left_of_a_payment_is_refunded() -> None:
    stripe_api = answering(charged(refund("succeeded", 500, attempt=None)), Answer(200, refund("succeeded", 1500)))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == Refunded(Money(1500, "EUR"))
    assert stripe_api.http.requests[1].form["amount"] == "1500"


@pytest.mark.parametrize("status", ["succeeded", "pending"])
def test_nothing_is_refunded_of_a_payment_that_staff_refunded(status: str) -> None:
    stripe_api = answering(charged(refund(status, attempt=None)))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == Refunded(NOTHING)
    assert stripe_api.http.paths == [INTENT]


def test_a_refund_that_exceeds_what_is_left_is_not_made() -> None:
    stripe_api = answering(charged(refund("succeeded", 1501, attempt=OTHER)))
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, PART) == NotRefunded(TOO_MUCH)
    assert stripe_api.http.paths == [INTENT]


@pytest.mark.parametrize("refusal", [wrong("charge_already_refunded"), wrong("", param="amount")])
def test_a_refund_for_which_too_little_is_left_meanwhile_is_not_made(refusal: Answer) -> None:
    assert answering(charged(), refusal).gateway.refund("pi_1", ATTEMPT, PART) == NotRefunded(TOO_MUCH)


@pytest.mark.parametrize("refusal", [wrong("charge_already_refunded"), wrong("", param="amount")])
def test_all_that_is_left_is_looked_up_again_if_less_is_left_meanwhile(refusal: Answer) -> None:
    stripe_api = answering(charged(), refusal, charged(refund("succeeded", attempt=None)))
    with pytest.raises(RetryableError, match="refunded meanwhile"):
        stripe_api.gateway.refund("pi_1", ATTEMPT, None)
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == Refunded(NOTHING)


# Refusals


@pytest.mark.parametrize(
    "code",
    [
        "balance_insufficient",
        "charge_disputed",
        "charge_not_refundable",
        "insufficient_funds",
        "refund_disputed_payment",
    ],
)
def test_a_refund_that_stripe_does_not_make_is_not_refunded(code: str) -> None:
    assert answering(charged(), wrong(code)).gateway.refund("pi_1", ATTEMPT, None) == NotRefunded(code)


def test_a_refund_that_stripe_refuses_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(charged(), wrong("parameter_unknown")).gateway.refund("pi_1", ATTEMPT, None)


@pytest.mark.parametrize("found", [AUTHORIZED, intent("processing"), intent("canceled", latest_charge=None)])
def test_nothing_is_refunded_of_a_payment_whose_money_has_not_moved(found: Answer) -> None:
    stripe_api = answering(found)
    with pytest.raises(RetryableError, match="so nothing can be refunded"):
        stripe_api.gateway.refund("pi_1", ATTEMPT, None)
    assert stripe_api.http.paths == [INTENT]


@pytest.mark.parametrize("failure", [replayed(FAILED), replayed(wrong("account_invalid")), REUSED_KEY])
def test_a_key_that_is_used_up_has_a_successor_for_a_refund_that_was_looked_up_before(failure: Answer) -> None:
    stripe_api = answering(charged(), failure, DONE)
    assert stripe_api.gateway.refund("pi_1", ATTEMPT, None) == Refunded(TOTAL)
    assert [request.idempotency_key for request in stripe_api.http.requests[1:]] == [ATTEMPT, f"{ATTEMPT}/again"]


# Inspecting


@pytest.mark.parametrize(("found", "outcome"), STATUSES)
def test_an_inspection_tells_what_became_of_each_refund(found: dict[str, Any], outcome: object) -> None:
    dashboard, other = refund("succeeded", 1, attempt=None), refund("succeeded", 2, attempt=OTHER)
    stripe_api = answering(charged(found, dashboard, other))
    refunds = stripe_api.gateway.inspect("pi_1").refunds
    assert refunds == {ATTEMPT: outcome, OTHER: Refunded(Money(2, "EUR"))}
    assert stripe_api.http.paths == [INTENT]


def test_a_refund_whose_money_the_bank_returned_later_is_found_although_the_charge_does_not_count_it() -> None:
    returned = charged(refund("failed", failure_reason="lost_or_stolen_card"), amount_refunded=0)
    assert answering(returned).gateway.inspect("pi_1").refunds == {ATTEMPT: NotRefunded("lost_or_stolen_card")}


def test_an_inspection_reads_every_page_of_refunds() -> None:
    first = [refund("succeeded", 10, attempt=None, id=f"re_{n}") for n in range(100)]
    stripe_api = answering(
        charged(*first[:10], more_refunds=True), listed(*first, has_more=True), listed(refund("succeeded", 1000))
    )
    inspection = stripe_api.gateway.inspect("pi_1")
    assert inspection == Inspection(Returned(TOTAL), TOTAL, {ATTEMPT: Refunded(Money(1000, "EUR"))})


# Disputes


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("needs_response", "open"),
        ("under_review", "open"),
        ("warning_needs_response", "open"),
        ("warning_under_review", "open"),
        ("appeal_needs_response", "open"),
        ("appeal_under_review", "open"),
        ("anything_new", "open"),
        ("won", "won"),
        ("warning_closed", "won"),
        ("prevented", "won"),
        ("lost", "lost"),
    ],
)
def test_an_inspection_tells_how_a_dispute_stands(status: str, found: Any) -> None:
    stripe_api = answering(charged(disputed=True), listed(dispute(status), url=DISPUTES))
    inspection = stripe_api.gateway.inspect("pi_1")
    assert inspection == Inspection(Captured(), TOTAL, {}, (FoundDispute("dp_1", TOTAL, "fraudulent", found),))
    assert stripe_api.http.paths == [INTENT, DISPUTES]
    assert stripe_api.http.requests[1].form == {"payment_intent": "pi_1", "limit": "100"}


def test_the_payments_with_a_recent_dispute_are_read_page_by_page() -> None:
    first = [
        dispute("lost", payment_intent="pi_1"),
        dispute("won", payment_intent=None),
        dispute("won", payment_intent="pi_2", id="dp_3"),
    ]
    stripe_api = answering(
        listed(*first, has_more=True, url=DISPUTES), listed(dispute("won", payment_intent="pi_3"), url=DISPUTES)
    )
    assert list(stripe_api.gateway.disputed_since(1_700_000_000_999)) == ["pi_1", "pi_2", "pi_3"]
    assert stripe_api.http.paths == [DISPUTES] * 2
    assert stripe_api.http.requests[0].form == {"created[gte]": "1700000000", "limit": "100"}
    assert stripe_api.http.requests[1].form["starting_after"] == "dp_3"
