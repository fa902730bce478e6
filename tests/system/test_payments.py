"""Payments over HTTP on a deployed shop: approvals, refunds, disputes, and the reports of the gateway."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest

from functions.payment.simulated import SimulatedGateway
from infra.shop import SIMULATED_METHODS
from tests.system.deployed import SECONDS, DeployedShop, User, order_id, problem_of, tidings, types_of
from tidings.recovery import wait_until

T = TypeVar("T")

EUR = {"currency": "EUR"}

CAPTURED = {"OrderConfirmed", "PaymentAuthorized", "PaymentCaptured"}
NEVER_CAPTURED = {"OrderCancelled", "PaymentFailed"}

ENDS: Mapping[str, tuple[str, set[str]]] = {
    "pm_card_visa": ("CONFIRMED", CAPTURED),
    "pm_card_error_once": ("CONFIRMED", CAPTURED),
    "pm_card_declined": ("CANCELLED", NEVER_CAPTURED),
    "pm_card_insufficient_funds": ("CANCELLED", NEVER_CAPTURED),
    "pm_card_authentication_required": ("PENDING", {"PaymentActionRequired"}),
    "pm_card_processing": ("CONFIRMED", CAPTURED | {"PaymentProcessing"}),
    "pm_card_authorization_expires": ("CANCELLED", NEVER_CAPTURED | {"PaymentAuthorized", "OrderConfirmed"}),
    "pm_card_refund_pending": ("CONFIRMED", CAPTURED),
    "pm_card_refund_fails": ("CONFIRMED", CAPTURED),
    "pm_card_refund_returned": ("CONFIRMED", CAPTURED),
    "pm_card_disputed": ("CONFIRMED", CAPTURED | {"PaymentDisputed"}),
}
"""The status of an order that nobody cancels, and events about it, by its payment method."""


# The customer's and the operators' views


def payment_of(user: User, order: str) -> dict[str, Any]:
    """Return an order's payment as the user may see it."""
    path = f"/operators/orders/{order}/payment" if user.operator else f"/orders/{order}/payment"
    found: dict[str, Any] = user.http.get(path).raise_for_status().json()
    return found


def reaches(subject: str, read: Callable[[], T], condition: Callable[[T], bool]) -> T:
    """Read again and again until a condition holds, and return what was read."""

    def reached() -> tuple[T] | None:
        found = read()
        return (found,) if condition(found) else None

    return wait_until(reached, SECONDS, subject)[0]


def place(user: User, sku: str, method: str, quantity: int = 1) -> str:
    """Place an order with a payment method, and return its id."""
    return order_id(user.place({sku: quantity}, payment_method=method))


def place_captured(user: User, sku: str, method: str = "pm_card_visa") -> str:
    """Place an order that costs 10.00 EUR, and wait until its payment is captured."""
    order = place(user, sku, method)
    user.timeline(order, "PaymentCaptured", "EmailSent")
    return order


def place_for_approval(user: User, sku: str) -> tuple[str, str]:
    """Place an order that waits for its customer's approval alone. Return its id and the bank's page."""
    order = place(user, sku, "pm_card_authentication_required")
    reaches("the approval", lambda: user.order(order)["waiting_for"], lambda parts: parts == ["approval"])
    payment = payment_of(user, order)
    assert (payment["status"], payment["gateway"]) == ("action_required", "simulated")
    return order, str(user.http.base_url.join(f"orders/{order}/payment").join(payment["approval"]["url"]))


def decide(page: str, decision: str) -> httpx.Response:
    """Send the customer's decision to the bank's page."""
    return httpx.post(page, data={"decision": decision}, timeout=30)


def refund(operator: User, order: str, amount: int, *, key: str = "", reason: str = "damaged") -> httpx.Response:
    """Refund a part of an order, in cents."""
    return operator.http.post(
        f"/operators/orders/{order}/refunds",
        json={"amount": {"amount": amount, **EUR}, "reason": reason},
        headers={"Idempotency-Key": key or str(uuid.uuid4())},
    )


def refund_reaches(operator: User, order: str, status: str) -> dict[str, Any]:
    """Wait until the only refund of an order has a status, and return it."""

    def read() -> list[dict[str, Any]]:
        refunds: list[dict[str, Any]] = payment_of(operator, order)["refunds"]
        return refunds

    (found,) = reaches(f"a refund that is {status}", read, lambda refunds: [r["status"] for r in refunds] == [status])
    return found


def check_until(shop: DeployedShop, subject: str, condition: Callable[[], bool]) -> None:
    """Check the payments that wait again and again, as a schedule does, until a condition holds.

    A run ends when its time or the rate of calls is used up.
    """

    def checked() -> bool:
        done = tidings(shop.cloud.directory, "payments", "check", "--all")
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(" 0 failed\n")
        return condition()

    wait_until(checked, SECONDS, subject)


# Payment methods


def test_the_tests_know_how_each_payment_method_ends() -> None:
    assert ENDS.keys() == set(SIMULATED_METHODS)


@pytest.mark.parametrize("method", ENDS)
def test_an_order_ends_as_its_payment_method_says(customer: User, operator: User, sku: str, method: str) -> None:
    status, types = ENDS[method]
    order = place(customer, sku, method)

    customer.timeline(order, *types)
    reaches("the order's status", lambda: customer.order(order)["status"], lambda found: found == status)

    operator.cancel(order)


# Approvals


def test_an_approved_payment_is_captured(shop: DeployedShop, customer: User, sku: str) -> None:
    order, page = place_for_approval(customer, sku)
    assert "Approve" in httpx.get(page).text

    assert decide(page, "approve").status_code == 200

    assert customer.outcome(order)["status"] == "CONFIRMED"
    types = types_of(customer.timeline(order, "PaymentActionRequired", "PaymentAuthorized", "PaymentCaptured"))
    assert types.count("PaymentActionRequired") == types.count("PaymentAuthorized") == 1
    shown = payment_of(customer, order)
    assert (shown["status"], shown["approval"]) == ("captured", None)
    assert len(shop.emails(order)) == 1


def test_the_events_that_an_approval_causes_belong_to_the_trace_of_the_orders_request(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    order, page = place_for_approval(customer, sku)
    decide(page, "approve")
    customer.timeline(order, "PaymentCaptured")

    pages = (
        shop.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=shop.outputs.table("history"),
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": order}},
        )
    )
    events = [json.loads(item["event"]["S"]) for page in pages for item in page["Items"] if "event" in item]
    assert "PaymentAuthorized" in types_of(events)
    assert len({event["correlationid"] for event in events}) == 1
    assert len({event["traceparent"].split("-")[1] for event in events}) == 1


def test_a_payment_that_its_customer_declines_cancels_the_order(customer: User, operator: User, sku: str) -> None:
    order, page = place_for_approval(customer, sku)

    assert decide(page, "decline").status_code == 200

    ended = customer.outcome(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "payment_failed")
    customer.timeline(order, "PaymentFailed", "StockReleased")
    assert operator.stock(sku)["available"] == 10


def test_a_payment_that_nobody_approves_expires_and_can_never_be_approved(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    order, page = place_for_approval(customer, sku)

    def expired() -> bool:
        done = tidings(shop.cloud.directory, "orders", "expire", "--older-than", "1s", "--yes")
        assert done.returncode == 0, done.stderr
        return bool(customer.order(order)["status"] == "CANCELLED")

    wait_until(expired, SECONDS, "the order's expiry")
    events = customer.timeline(order, "OrderCancelled", "PaymentVoided", "StockReleased")

    (cancelled,) = (event for event in events if event["type"] == "OrderCancelled")
    assert cancelled["data"] == {"reason": "timeout", "detail": "approval"}
    assert decide(page, "approve").status_code == 409
    shop.wait_until_idle()
    assert payment_of(customer, order)["status"] == "voided"
    assert "PaymentAuthorized" not in types_of(customer.timeline(order))


def test_the_approval_is_the_customers_alone_and_is_not_cached(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order, page = place_for_approval(customer, sku)
    path = f"/orders/{order}/payment"

    assert customer.http.get(path).headers["cache-control"] == "no-store"
    assert problem_of(shop.user().http.get(path))["status"] == 404
    assert operator.http.get(path).status_code == 401
    assert shop.http().get(path).status_code == 401
    secret = payment_of(customer, order)["approval"]["client_secret"]
    assert secret not in operator.http.get(f"/operators/orders/{order}/payment").text
    assert secret not in customer.http.get(f"/orders/{order}").text
    assert customer.http.get(f"/operators/orders/{order}/payment").status_code == 401

    decide(page, "decline")


def test_the_secret_is_in_no_table_no_event_and_no_log_of_the_shop(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    order, page = place_for_approval(customer, sku)
    secret = payment_of(customer, order)["approval"]["client_secret"]
    decide(page, "approve")
    customer.timeline(order, "PaymentCaptured", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()

    dynamodb, logs = shop.client("dynamodb"), shop.client("logs")
    texts = {
        table: repr([page["Items"] for page in dynamodb.get_paginator("scan").paginate(TableName=table)])
        # The simulated gateway's own table is the gateway, which knows the secret.
        for table in dynamodb.list_tables()["TableNames"]
        if table != gateway_table(shop)
    }
    pages = logs.get_paginator("describe_log_groups").paginate()
    for group in (group["logGroupName"] for page in pages for group in page["logGroups"]):
        found = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        texts[group] = "".join(event["message"] for page in found for event in page["events"])

    assert order in texts[shop.outputs.table("payment")]
    assert order in texts[shop.outputs.table("history")]
    assert any("payment-bank" in name for name in texts)
    assert [name for name, text in texts.items() if secret in text] == []


# Refunds


def test_an_operator_refunds_parts_of_an_order_until_nothing_is_left(customer: User, operator: User, sku: str) -> None:
    order = place_captured(customer, sku)
    assert payment_of(operator, order)["left"] == {"amount": 1000, **EUR}

    made = refund(operator, order, 300)
    assert (made.status_code, made.json()["status"], made.json()["reason"]) == (202, "pending", "damaged")
    refunded = refund_reaches(operator, order, "succeeded")
    assert (refunded["id"], refunded["amount"]) == (made.json()["id"], {"amount": 300, **EUR})
    assert payment_of(operator, order)["left"] == {"amount": 700, **EUR}

    assert problem_of(refund(operator, order, 701))["status"] == 409
    assert refund(operator, order, 700, reason="goodwill").status_code == 202
    events = reaches(
        "two refunds", lambda: customer.timeline(order), lambda found: types_of(found).count("PaymentRefunded") == 2
    )
    amounts = [event["data"]["amount"]["amount"] for event in events if event["type"] == "PaymentRefunded"]
    assert sorted(amounts) == [300, 700]
    assert customer.order(order)["status"] == "CONFIRMED"
    assert [each["status"] for each in payment_of(customer, order)["refunds"]] == ["succeeded", "succeeded"]


def test_two_refunds_at_once_never_exceed_the_capture(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = place_captured(customer, sku)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: refund(operator, order, 600).status_code, range(2)))

    assert sorted(answers) == [202, 409]
    refund_reaches(operator, order, "succeeded")
    shop.wait_until_idle()
    assert gateway_item(shop, payment_of(operator, order)["payment"])["refunded"] == {"N": "600"}


def test_a_repeated_request_for_a_refund_makes_no_second_one(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order, key = place_captured(customer, sku), str(uuid.uuid4())

    first, again = refund(operator, order, 300, key=key), refund(operator, order, 300, key=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["id"] == again.json()["id"]
    assert problem_of(refund(operator, order, 301, key=key))["status"] == 422

    refund_reaches(operator, order, "succeeded")
    shop.wait_until_idle()
    assert gateway_item(shop, payment_of(operator, order)["payment"])["refunded"] == {"N": "300"}


def test_a_cancellation_refunds_what_a_part_has_left(customer: User, operator: User, sku: str) -> None:
    order = place_captured(customer, sku)
    refund(operator, order, 300)
    refund_reaches(operator, order, "succeeded")

    customer.cancel(order)

    events = reaches(
        "two refunds", lambda: customer.timeline(order), lambda found: types_of(found).count("PaymentRefunded") == 2
    )
    assert [e["data"]["amount"]["amount"] for e in events if e["type"] == "PaymentRefunded"] == [300, 700]


def test_only_operators_refund(customer: User, sku: str) -> None:
    order = place_captured(customer, sku)
    assert refund(customer, order, 300).status_code == 401


def test_a_pending_refund_succeeds_later(customer: User, operator: User, sku: str) -> None:
    order = place_captured(customer, sku, "pm_card_refund_pending")
    customer.cancel(order)
    refunded = refund_reaches(operator, order, "succeeded")
    assert (refunded["id"], refunded["attempt"]) == ("cancellation", 1)
    assert types_of(customer.timeline(order, "PaymentRefunded")).count("RefundRequested") == 1


def test_a_refund_that_failed_is_tried_again_as_a_new_attempt(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = place_captured(customer, sku, "pm_card_refund_fails")
    customer.cancel(order)
    failed = refund_reaches(operator, order, "failed")
    assert (failed["code"], failed["attempt"]) == ("expired_or_canceled_card", 1)
    assert operator.order(order)["status"] == "CANCELLED"

    answer = tidings(shop.cloud.directory, "payments", "retry", order, "cancellation")
    assert answer.stdout == f"{order}: refund cancellation, 10.00 EUR, pending\n", answer.stderr

    assert refund_reaches(operator, order, "succeeded")["attempt"] == 2
    types = types_of(customer.timeline(order, "RefundFailed", "PaymentRefunded"))
    assert (types.count("RefundRequested"), types.count("PaymentRefunded")) == (2, 1)


def test_a_refund_that_the_bank_returned_is_settled_by_an_operator(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = place_captured(customer, sku, "pm_card_refund_returned")
    customer.cancel(order)
    customer.timeline(order, "PaymentRefunded", "RefundFailed")
    refund_reaches(operator, order, "failed")

    answers = [tidings(shop.cloud.directory, "payments", "settle", order, "cancellation") for _ in range(2)]

    settled = f"{order}: refund cancellation, 10.00 EUR, settled (expired_or_canceled_card)\n"
    assert [answer.stdout for answer in answers] == [settled] * 2
    events = customer.timeline(order, "RefundSettled")
    assert types_of(events).count("RefundSettled") == 1
    refused = tidings(shop.cloud.directory, "payments", "retry", order, "cancellation")
    assert "409 Not failed" in refused.stderr


# Disputes


def test_a_disputed_order_shows_it_and_is_not_refunded_until_the_shop_has_won(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = place_captured(customer, sku, "pm_card_disputed")
    reaches("the dispute", lambda: customer.order(order).get("dispute"), lambda dispute: dispute == "open")
    payment = payment_of(operator, order)["payment"]

    operator.cancel(order)
    assert refund_reaches(operator, order, "failed")["code"] == "charge_disputed"
    customer.timeline(order, "RefundFailed")

    gateway(shop).close_dispute(payment, "won")
    check_until(shop, "the dispute's end", lambda: customer.order(order).get("dispute") == "won")
    assert types_of(customer.timeline(order, "DisputeClosed")).count("PaymentDisputed") == 1

    operator.http.post(f"/operators/orders/{order}/refunds/cancellation/attempts").raise_for_status()
    assert refund_reaches(operator, order, "succeeded")["amount"] == {"amount": 1000, **EUR}


# Reports


def function_variable(shop: DeployedShop, role: str, name: str) -> str:
    """Return an environment variable of one of payment's functions."""
    found = shop.client("lambda").get_function_configuration(FunctionName=f"tidings-local-payment-{role}")
    return str(found["Environment"]["Variables"][name])


def gateway_table(shop: DeployedShop) -> str:
    """Return the name of the simulated gateway's table."""
    return function_variable(shop, "consumer", "GATEWAY_TABLE")


def gateway_item(shop: DeployedShop, payment: str) -> dict[str, Any]:
    """Return a payment as the simulated gateway stores it."""
    found = shop.client("dynamodb").get_item(TableName=gateway_table(shop), Key={"pk": {"S": payment}})
    return dict(found["Item"])


def gateway(shop: DeployedShop) -> SimulatedGateway:
    """Return the simulated gateway, whose reports are lost."""
    return SimulatedGateway(shop.client("dynamodb"), gateway_table(shop), {}, "local", lambda _news: None)


def intent_event(order: str, payment: str, event_type: str, stage: str = "local") -> dict[str, Any]:
    """Return an event of Stripe's about a payment intent."""
    intent = {"id": payment, "object": "payment_intent", "metadata": {"order": order, "stage": stage}}
    return {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": event_type, "data": {"object": intent}}


@pytest.fixture
def report(shop: DeployedShop) -> Iterator[Callable[..., httpx.Response]]:
    """A function that sends an event to the webhook as Stripe does, signed with a key some seconds ago."""
    arn = function_variable(shop, "webhooks", "WEBHOOK_SECRETS_ARN")
    stored = shop.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"].split()[0]

    def send(event: Mapping[str, Any], *, key: str = stored, age: int = 0) -> httpx.Response:
        body, at = json.dumps(event).encode(), int(time.time()) - age
        signed = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signed}", "Content-Type": "application/json"}
        return client.post("/webhooks/stripe", content=body, headers=headers)

    with shop.http() as client:
        yield send


def test_a_forged_or_an_old_report_is_refused_and_changes_nothing(
    shop: DeployedShop, customer: User, operator: User, sku: str, report: Callable[..., httpx.Response]
) -> None:
    order, page = place_for_approval(customer, sku)
    payment = payment_of(operator, order)["payment"]
    gateway(shop).answer(payment, "approved")
    event = intent_event(order, payment, "payment_intent.amount_capturable_updated")

    forged, old = report(event, key="whsec_another"), report(event, age=600)
    unsigned = shop.http().post("/webhooks/stripe", json=event)

    assert [answer.status_code for answer in (forged, old, unsigned)] == [400] * 3
    shop.wait_until_idle()
    assert payment_of(customer, order)["status"] == "action_required"
    # The same report with a valid signature is believed.
    assert report(event).status_code == 200
    assert customer.outcome(order)["status"] == "CONFIRMED"
    assert httpx.get(page).status_code == 200


@pytest.mark.parametrize(
    ("event_type", "stage"),
    [
        ("payment_intent.canceled", "local"),
        ("payment_intent.succeeded", "local"),
        ("payment_intent.canceled", "prod"),
        ("customer.created", "local"),
    ],
)
def test_an_untrue_a_repeated_an_unknown_and_anothers_report_change_nothing(
    shop: DeployedShop,
    customer: User,
    operator: User,
    sku: str,
    report: Callable[..., httpx.Response],
    event_type: str,
    stage: str,
) -> None:
    order = place_captured(customer, sku)
    before = (payment_of(operator, order), types_of(customer.timeline(order, "PointsAwarded")))
    event = intent_event(order, before[0]["payment"], event_type, stage)

    assert [report(event).status_code for _ in range(2)] == [200, 200]

    shop.wait_until_idle()
    assert (payment_of(operator, order), types_of(customer.timeline(order))) == before
    assert shop.dead_letters("payment") == []


def test_an_approval_whose_report_is_lost_is_found_by_a_check(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order, _ = place_for_approval(customer, sku)
    gateway(shop).answer(payment_of(operator, order)["payment"], "approved")
    shop.wait_until_idle()
    assert customer.order(order)["waiting_for"] == ["approval"]

    check_until(shop, "the order's confirmation", lambda: customer.order(order)["status"] == "CONFIRMED")


def test_a_dispute_whose_report_is_lost_is_found_by_a_search(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = place_captured(customer, sku)
    payment = payment_of(operator, order)["payment"]
    shop.client("dynamodb").update_item(
        TableName=gateway_table(shop),
        Key={"pk": {"S": payment}},
        UpdateExpression="SET dispute = :dispute, disputed_at = :now ADD version :one",
        ExpressionAttributeValues={
            ":dispute": {"M": {"id": {"S": f"dp_{payment}"[:64]}, "status": {"S": "open"}}},
            ":now": {"N": str(int(time.time() * 1000))},
            ":one": {"N": "1"},
        },
    )

    checked = tidings(shop.cloud.directory, "payments", "check", "--disputes")

    assert checked.returncode == 0, checked.stderr
    customer.timeline(order, "PaymentDisputed")
    reaches("the dispute", lambda: customer.order(order).get("dispute"), lambda dispute: dispute == "open")
