"""Stripe's payment intents, over stubbed answers."""

import logging
import re

import pytest
import stripe

from contracts.values.money import DECIMALS, Money
from functions.payment.gateway import (
    AUTHENTICATION_FAILED,
    AUTHORIZATION_EXPIRED,
    KEYS_KEPT,
    UNKNOWN_METHOD,
    ActionRequired,
    Approval,
    Authorized,
    Captured,
    Declined,
    Inspection,
    Labels,
    Opened,
    Processing,
    Returned,
    Voided,
)
from functions.payment.stripe_gateway.answers import GENERIC_DECLINE, from_stripes_units, in_stripes_units
from tests.unit.facts import ORDER
from tests.unit.functions.stripe_answers import (
    AUTHORIZED,
    CANCEL,
    CANCELED,
    CAPTURE,
    CLIENT_SECRET,
    CONFIRM,
    INTENT,
    INTENTS,
    LABELS,
    ORIGIN,
    TOTAL,
    UNEXPECTED_STATE,
    UNKNOWN_INTENT,
    Answer,
    answering,
    charged,
    intent,
    refund,
    refused,
    wrong,
)
from tidings.core.clock import now
from tidings.core.errors import RetryableError, described

NOT_APPROVED = intent("requires_payment_method", last_payment_error={"code": AUTHENTICATION_FAILED})
EXPIRED_REFUSAL = wrong("charge_expired_for_capture")

# Opening


def test_an_order_is_paid_with_three_calls() -> None:
    stripe_api = answering(intent("requires_confirmation"), AUTHORIZED, intent("succeeded", latest_charge="ch_1"))
    gateway = stripe_api.gateway
    assert gateway.open(ORDER, TOTAL, "pm_1", ORIGIN) == Opened("pi_1")
    assert gateway.authorize("pi_1") == Authorized()
    assert gateway.capture("pi_1") == Captured()
    assert stripe_api.http.paths == [INTENTS, CONFIRM, CAPTURE]


def test_a_payment_is_opened_with_an_idempotency_key_made_of_the_orders_id() -> None:
    stripe_api = answering(intent("requires_confirmation"))
    stripe_api.gateway.open(ORDER, TOTAL, "pm_1", ORIGIN)
    (request,) = stripe_api.http.requests
    assert request.idempotency_key == f"{ORDER}/open"
    assert request.form == {
        "amount": "2000",
        "currency": "eur",
        "payment_method": "pm_1",
        "allowed_payment_method_types[0]": "card",
        "capture_method": "manual",
        "confirm": "false",
    } | {f"metadata[{name}]": value for name, value in LABELS.items()}


@pytest.mark.parametrize(
    "refusal", [wrong("resource_missing", param="payment_method"), refused(404, "invalid_request_error")]
)
def test_a_payment_is_opened_without_a_method_if_the_customers_method_does_not_exist(refusal: Answer) -> None:
    stripe_api = answering(refusal, intent("requires_payment_method"))
    assert stripe_api.gateway.open(ORDER, TOTAL, "pm_1", ORIGIN) == Opened("pi_1")
    first, second = stripe_api.http.requests
    assert "payment_method" in first.form
    assert "payment_method" not in second.form
    assert first.idempotency_key != second.idempotency_key


@pytest.mark.parametrize("param", ["amount", "currency"])
def test_an_amount_that_stripe_does_not_charge_is_declined_at_once(param: str) -> None:
    refused_amount = answering(wrong("amount_too_small", param=param))
    assert refused_amount.gateway.open(ORDER, TOTAL, "pm_1", ORIGIN) == Declined("amount_too_small")


def test_any_other_refused_opening_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("parameter_unknown", param="metadata")).gateway.open(ORDER, TOTAL, "pm_1", ORIGIN)


@pytest.mark.parametrize(
    ("money", "amount"),
    [
        (Money(1999, "EUR"), 1999),
        (Money(500, "JPY"), 500),
        (Money(5120, "KWD"), 5120),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(500, "MGA"), 5),
    ],
)
def test_amounts_are_converted_to_stripes_units(money: Money, amount: int) -> None:
    assert in_stripes_units(money) == amount
    assert from_stripes_units(amount, money.currency.lower()) == money


# Stripe Docs, "Supported currencies": zero-decimal and three-decimal currencies, and special cases.
STRIPES_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF"), 1),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 1),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 1000),
    **dict.fromkeys(("ISK", "UGX"), 100),
}


@pytest.mark.parametrize("currency", sorted(DECIMALS.keys() - {"CLF", "IQD", "LYD", "UYI", "UYW"}))
def test_a_whole_unit_of_each_currency_that_stripe_takes_is_as_many_units_as_stripe_documents(currency: str) -> None:
    whole = Money(10 ** DECIMALS[currency], currency)
    assert in_stripes_units(whole) == STRIPES_UNITS.get(currency, 100)


def test_an_amount_that_stripe_cannot_represent_is_declined_without_a_request() -> None:
    stripe_api = answering()
    assert in_stripes_units(Money(550, "MGA")) is None
    assert stripe_api.gateway.open(ORDER, Money(550, "MGA"), "pm_1", ORIGIN) == Declined("indivisible_amount")
    assert stripe_api.http.requests == []


def test_the_first_payment_of_an_old_order_is_found_by_its_labels() -> None:
    found = [intent("canceled", id="pi_2", created=20).body, intent("requires_capture", id="pi_1", created=10).body]
    stripe_api = answering(Answer(200, {"object": "search_result", "data": found, "has_more": False}))
    assert stripe_api.gateway.find(ORDER, placed=0) == "pi_1"
    (request,) = stripe_api.http.requests
    assert request.path == f"{INTENTS}/search"
    assert request.form["query"] == f'metadata["order"]:"{ORDER}" AND metadata["stage"]:"test"'


def test_an_old_order_without_a_payment_has_none_to_find() -> None:
    nothing = Answer(200, {"object": "search_result", "data": [], "has_more": False})
    assert answering(nothing).gateway.find(ORDER, placed=0) is None


def test_an_order_whose_idempotency_key_is_known_still_is_not_searched() -> None:
    stripe_api = answering()
    assert stripe_api.gateway.find(ORDER, placed=now() - KEYS_KEPT + 60_000) is None
    assert stripe_api.http.requests == []


# Authorizing


@pytest.mark.parametrize(
    ("confirmed", "outcome"),
    [
        (AUTHORIZED, Authorized()),
        (intent("requires_action"), ActionRequired()),
        (intent("processing"), Processing()),
        (intent("succeeded", latest_charge="ch_1"), Captured()),
    ],
)
def test_the_status_of_a_confirmed_intent_is_its_outcome(confirmed: Answer, outcome: object) -> None:
    stripe_api = answering(confirmed)
    assert stripe_api.gateway.authorize("pi_1") == outcome
    assert stripe_api.http.paths == [CONFIRM]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "card_declined", "decline_code": "authentication_required"}, "authentication_required"),
        ({"code": "card_declined"}, "card_declined"),
        ({"code": "expired_card"}, "expired_card"),
        ({}, GENERIC_DECLINE),
        ({"code": "x" * 100}, "unknown"),
        ({"code": "Your card was declined."}, "unknown"),
    ],
)
def test_a_card_error_is_a_decline_with_the_most_specific_code(error: dict[str, str], code: str) -> None:
    assert answering(refused(402, "card_error", **error)).gateway.authorize("pi_1") == Declined(code)


@pytest.mark.parametrize("code", ["fraudulent", "lost_card", "merchant_blacklist", "stolen_card"])
def test_a_decline_does_not_reveal_that_the_card_is_suspected(code: str) -> None:
    error = refused(402, "card_error", code="card_declined", decline_code=code)
    assert answering(error).gateway.authorize("pi_1") == Declined(GENERIC_DECLINE)


ENDED: list[tuple[Answer, object]] = [
    (charged(), Captured()),
    (charged(refund("succeeded")), Returned(TOTAL)),
    (charged(refund("pending")), Captured()),
    (charged(refund("failed")), Captured()),
    (charged(refund("succeeded", 500, attempt=None)), Captured()),
    (charged(refund("succeeded", 500, attempt=None), refund("succeeded", 1500)), Returned(TOTAL)),
    (CANCELED, Voided()),
    (intent("canceled", cancellation_reason="requested_by_customer"), Voided()),
    (intent("canceled", cancellation_reason="automatic"), Declined(AUTHORIZATION_EXPIRED)),
    (intent("canceled", cancellation_reason="expired"), Declined(AUTHORIZATION_EXPIRED)),
    (intent("canceled", metadata={"declined": AUTHENTICATION_FAILED}), Declined(AUTHENTICATION_FAILED)),
    (intent("canceled", metadata={"declined": "By Ann Smith"}), Declined("unknown")),
]
WAITING: list[tuple[Answer, object]] = [
    (AUTHORIZED, Authorized()),
    (intent("requires_action"), ActionRequired()),
    (intent("processing"), Processing()),
]
DECLINED: list[tuple[Answer, object]] = [
    (
        intent(
            "requires_payment_method",
            last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"},
        ),
        Declined("insufficient_funds"),
    ),
    (NOT_APPROVED, Declined(AUTHENTICATION_FAILED)),
]
WITHOUT_METHOD: list[tuple[Answer, object]] = [(intent("requires_payment_method"), Declined(UNKNOWN_METHOD))]


@pytest.mark.parametrize(("found", "outcome"), ENDED + WAITING + WITHOUT_METHOD)
def test_the_authorization_of_a_payment_that_is_not_open_returns_its_outcome(found: Answer, outcome: object) -> None:
    stripe_api = answering(UNEXPECTED_STATE, found)
    assert stripe_api.gateway.authorize("pi_1") == outcome
    assert stripe_api.http.paths == [CONFIRM, INTENT]


@pytest.mark.parametrize(("found", "outcome"), DECLINED)
def test_a_payment_that_was_declined_before_its_authorization_is_repeated_is_cancelled_so_that_nobody_can_approve_it(
    found: Answer, outcome: Declined
) -> None:
    stripe_api = answering(UNEXPECTED_STATE, found, found, CANCELED)
    assert stripe_api.gateway.authorize("pi_1") == outcome
    assert stripe_api.http.paths == [CONFIRM, INTENT, INTENT, CANCEL]
    assert stripe_api.http.requests[2].form == {"metadata[declined]": outcome.code}


def test_a_method_that_was_used_up_after_the_opening_is_a_decline() -> None:
    opened = intent("requires_confirmation")
    stripe_api = answering(wrong("", param="payment_method"), opened, opened, CANCELED)
    assert stripe_api.gateway.authorize("pi_1") == Declined(UNKNOWN_METHOD)


def test_an_authorization_that_stripe_refuses_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), intent("requires_confirmation")).gateway.authorize("pi_1")


def test_an_intent_that_is_open_after_its_confirmation_is_confirmed_again_later() -> None:
    with pytest.raises(RetryableError, match="the payment intent pi_1 is requires_confirmation"):
        answering(intent("requires_confirmation")).gateway.authorize("pi_1")


# Capturing


@pytest.mark.parametrize(("found", "outcome"), ENDED + DECLINED + WITHOUT_METHOD)
def test_the_capture_of_a_payment_that_has_ended_returns_its_outcome(found: Answer, outcome: object) -> None:
    stripe_api = answering(UNEXPECTED_STATE, found)
    assert stripe_api.gateway.capture("pi_1") == outcome
    assert stripe_api.http.paths == [CAPTURE, INTENT]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (EXPIRED_REFUSAL, AUTHORIZATION_EXPIRED),
        (refused(402, "card_error", code="capture_charge_authorization_expired"), AUTHORIZATION_EXPIRED),
        (refused(402, "card_error", code="card_declined", decline_code="insufficient_funds"), "insufficient_funds"),
    ],
)
def test_a_payment_that_cannot_be_captured_any_more_is_cancelled_and_declined(refusal: Answer, code: str) -> None:
    stripe_api = answering(refusal, AUTHORIZED, AUTHORIZED, CANCELED)
    assert stripe_api.gateway.capture("pi_1") == Declined(code)
    assert stripe_api.http.paths == [CAPTURE, INTENT, INTENT, CANCEL]
    assert stripe_api.http.requests[2].form == {"metadata[declined]": code}


@pytest.mark.parametrize("status", ["requires_capture", "requires_confirmation", "requires_action", "processing"])
def test_a_capture_that_stripe_refuses_for_another_reason_is_an_error(status: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), intent(status)).gateway.capture("pi_1")


def test_a_capture_that_stripe_has_not_finished_is_retried_later() -> None:
    with pytest.raises(RetryableError, match="the payment intent pi_1 is processing"):
        answering(intent("processing")).gateway.capture("pi_1")


def test_a_payment_that_was_captured_meanwhile_is_not_declined() -> None:
    stripe_api = answering(EXPIRED_REFUSAL, AUTHORIZED, AUTHORIZED, UNEXPECTED_STATE, UNEXPECTED_STATE, charged())
    with pytest.raises(RetryableError, match="the payment intent pi_1 was not cancelled"):
        stripe_api.gateway.capture("pi_1")
    assert stripe_api.gateway.capture("pi_1") == Captured()


# Voiding


def test_a_payment_whose_money_has_not_moved_is_voided_with_one_call() -> None:
    stripe_api = answering(CANCELED)
    assert stripe_api.gateway.void("pi_1") == Voided()
    assert stripe_api.http.paths == [CANCEL]


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (CANCELED, Voided()),
        (intent("canceled", metadata={"declined": AUTHENTICATION_FAILED}), Voided()),
        (charged(), Captured()),
        (charged(refund("succeeded")), Captured()),
        (intent("processing"), Processing()),
    ],
)
def test_a_payment_that_stripe_does_not_cancel_is_left_as_it_is(found: Answer, outcome: object) -> None:
    stripe_api = answering(UNEXPECTED_STATE, found)
    assert stripe_api.gateway.void("pi_1") == outcome
    assert stripe_api.http.paths == [CANCEL, INTENT]


def test_a_cancellation_that_stripe_refuses_for_another_reason_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid"), AUTHORIZED).gateway.void("pi_1")


# Inspecting


@pytest.mark.parametrize(("found", "outcome"), [*ENDED, *WAITING])
def test_a_payment_is_inspected_with_one_call(found: Answer, outcome: object) -> None:
    stripe_api = answering(found)
    inspection = stripe_api.gateway.inspect("pi_1")
    assert (inspection.outcome, inspection.amount) == (outcome, TOTAL)
    assert stripe_api.http.paths == [INTENT]


@pytest.mark.parametrize("status", ["requires_confirmation", "requires_payment_method"])
def test_a_payment_that_nobody_asked_to_authorize_has_no_outcome_and_stays_open(status: str) -> None:
    assert answering(intent(status)).gateway.inspect("pi_1") == Inspection(None, TOTAL)


def test_a_payment_that_its_customer_did_not_approve_is_cancelled_so_that_nobody_can_approve_it_any_more() -> None:
    stripe_api = answering(NOT_APPROVED, NOT_APPROVED, CANCELED)
    assert stripe_api.gateway.inspect("pi_1") == Inspection(Declined(AUTHENTICATION_FAILED), TOTAL)
    assert stripe_api.http.paths == [INTENT, INTENT, CANCEL]
    assert stripe_api.http.requests[1].form == {"metadata[declined]": AUTHENTICATION_FAILED}


def test_a_payment_that_is_approved_while_it_is_being_declined_is_inspected_again() -> None:
    stripe_api = answering(NOT_APPROVED, NOT_APPROVED, UNEXPECTED_STATE, intent("processing"))
    with pytest.raises(RetryableError, match="was not cancelled"):
        stripe_api.gateway.inspect("pi_1")
    assert stripe_api.gateway.inspect("pi_1").outcome == Processing()


# Approving


def test_a_payment_that_awaits_an_approval_has_a_secret_for_its_customer() -> None:
    stripe_api = answering(intent("requires_action"))
    assert stripe_api.gateway.approval("pi_1") == Approval("pk_test_1", CLIENT_SECRET)
    assert stripe_api.http.paths == [INTENT]


@pytest.mark.parametrize("found", [AUTHORIZED, NOT_APPROVED, CANCELED, intent("processing"), charged()])
def test_a_payment_that_awaits_no_approval_has_no_secret(found: Answer) -> None:
    assert answering(found).gateway.approval("pi_1") is None


def test_the_clients_secret_reaches_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failed = refused(402, "card_error", code="card_declined")
    failed.body["error"]["payment_intent"] = NOT_APPROVED.body
    gateway = answering(failed, intent("requires_action"), intent("requires_confirmation"), failed, AUTHORIZED).gateway
    gateway.authorize("pi_1")
    approval = gateway.approval("pi_1")
    with pytest.raises(RetryableError) as error:
        gateway.authorize("pi_1")
    with pytest.raises(stripe.CardError) as refusal:
        gateway.void("pi_1")
    texts = [repr(approval), str(error.value), described(error.value), described(refusal.value), str(refusal.value)]
    assert "secret" not in "".join([*texts, *(str(vars(record)) for record in caplog.records)])


# Labels


def test_a_payment_has_the_labels_with_which_it_was_opened() -> None:
    assert answering(AUTHORIZED).gateway.labels("pi_1") == Labels(ORDER, ORIGIN)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"order": ORDER},
        LABELS | {"stage": "prod"},
        LABELS | {"order": ""},
        LABELS | {"order": "an order"},
        LABELS | {"order": ORDER.upper()},
    ],
)
def test_a_payment_that_no_order_of_this_stage_opened_has_no_labels(metadata: dict[str, str]) -> None:
    assert answering(intent("succeeded", metadata=metadata)).gateway.labels("pi_1") is None


def test_a_payment_that_stripe_does_not_know_has_no_labels() -> None:
    assert answering(UNKNOWN_INTENT).gateway.labels("pi_1") is None


def test_a_refused_look_at_the_labels_is_an_error() -> None:
    with pytest.raises(stripe.InvalidRequestError):
        answering(wrong("account_invalid")).gateway.labels("pi_1")


@pytest.mark.parametrize(
    "metadata",
    [
        {"order": ORDER, "stage": "test"},
        LABELS | {"trace": "a trace"},
        LABELS | {"correlation": "line\nbreak"},
        LABELS | {"correlation": "x" * 200},
    ],
)
def test_a_payment_of_an_order_without_a_valid_origin_begins_a_trace(metadata: dict[str, str]) -> None:
    answers = [intent("succeeded", metadata=metadata)] * 2
    first, second = (answering(answer).gateway.labels("pi_1") for answer in answers)
    assert first
    assert second
    assert (first.order, first.origin.correlation) == (ORDER, "pi_1")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", first.origin.trace)
    assert first.origin.trace != second.origin.trace
