"""Payment's function in a stage with Stripe: queue, table and secret on moto, Stripe over HTTP."""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws

from contracts.orders.order_cancelled import OrderCancelled
from functions.payment.reports import Report
from tests.gateway.providers import ORIGIN
from tests.gateway.stripe_edge import KEY
from tests.gateway.stripe_provider import StripeProvider
from tests.integration.cloud import Context, create_table, load_handler, one_call_at_a_time
from tests.integration.facts import confirmed, fact, new_order, placed
from tidings.core.clock import now, to_rfc3339
from tidings.testing import make_record

Deliver = Callable[..., list[Any]]


@pytest.fixture
def deliver(stripe_provider: StripeProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliver]:
    """Return a function that delivers messages, and returns the failed ones."""
    with mock_aws(), one_call_at_a_time():
        create_table(boto3.client("dynamodb"), "payment")
        dlq = boto3.client("sqs").create_queue(QueueName="payment-dlq.fifo", Attributes={"FifoQueue": "true"})
        secret = boto3.client("secretsmanager").create_secret(Name="tidings-test-stripe-key", SecretString=f"{KEY}\n")
        environment = {
            "TABLE": "payment",
            "QUEUE": dlq["QueueUrl"],
            "DLQ": dlq["QueueUrl"],
            "RETRY_POLICY": '{"receives": 5, "age": 0, "wait": 60, "backoff": 1}',
            "STAGE": "test",
            "GATEWAY": "stripe",
            "GATEWAY_RATE": "1000",
            "STRIPE_KEY_ARN": secret["ARN"],
            "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
            "STRIPE_API_BASE": stripe_provider.edge.url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        handler = load_handler("functions.payment.consume.handler", environment)

        def deliver(*bodies: str) -> list[Any]:
            records = [make_record(body, message_id=f"m{n}", group="group") for n, body in enumerate(bodies)]
            return list(handler({"Records": records}, Context())["batchItemFailures"])

        yield deliver


def item(order: str) -> dict[str, Any]:
    return dict(boto3.client("dynamodb").get_item(TableName="payment", Key={"pk": {"S": order}})["Item"])


def announced(order: str) -> list[str]:
    return [json.loads(event["S"])["type"] for event in item(order)["outbox"]["L"]]


def state(order: str) -> dict[str, Any]:
    return dict(json.loads(item(order)["state"]["S"]))


def test_an_order_is_authorized_and_captured_at_stripe_and_refunded_when_it_is_cancelled(
    deliver: Deliver, stripe_provider: StripeProvider
) -> None:
    order = new_order()
    event = placed(order, ("tea", 2))
    assert deliver(event, event) == []
    assert announced(order) == ["PaymentAuthorized"]
    payment = state(order)["id"]
    assert (stripe_provider.moved(payment), stripe_provider.reserved(payment)) == ((0, 0), True)
    assert deliver(confirmed(order, ("tea", 2)), event) == []
    assert announced(order) == ["PaymentAuthorized", "PaymentCaptured"]
    assert stripe_provider.moved(payment) == (1, 0)
    assert deliver(fact(order, OrderCancelled(reason="customer"), 3), event) == []
    assert announced(order) == ["PaymentAuthorized", "PaymentCaptured", "RefundRequested", "PaymentRefunded"]
    assert stripe_provider.moved(payment) == (1, state(order)["amount"]["amount"])


def test_an_order_whose_card_is_declined_fails_with_stripes_code(deliver: Deliver) -> None:
    order = new_order()
    assert deliver(placed(order, ("tea", 2), method="pm_card_chargeCustomerFail")) == []
    assert announced(order) == ["PaymentFailed"]
    assert state(order)["status"] == "failed"


def test_an_order_that_is_cancelled_before_it_is_confirmed_is_never_charged(
    deliver: Deliver, stripe_provider: StripeProvider
) -> None:
    order = new_order()
    assert deliver(placed(order, ("tea", 2)), fact(order, OrderCancelled(reason="customer"), 2)) == []
    assert announced(order) == ["PaymentAuthorized", "PaymentVoided"]
    payment = state(order)["id"]
    assert (stripe_provider.moved(payment), stripe_provider.reserved(payment)) == ((0, 0), False)


def test_an_authorization_whose_answer_was_lost_is_continued_by_its_stored_id(
    deliver: Deliver, stripe_provider: StripeProvider
) -> None:
    order = new_order()
    stripe_provider.edge.lost.add("/confirm")
    assert deliver(placed(order, ("tea", 2))) == [{"itemIdentifier": "m0"}]
    assert state(order)["status"] == "authorizing"
    assert deliver(placed(order, ("tea", 2))) == []
    assert announced(order) == ["PaymentAuthorized"]
    assert stripe_provider.opened(order) == 1
    assert stripe_provider.reserved(state(order)["id"])


def report(payment: str, order: str | None = None) -> str:
    """Return the message that reports a change of a payment."""
    message = Report(
        id=f"evt_{uuid.uuid4().hex}",
        payment=payment,
        about="authorized",
        time=to_rfc3339(now()),
        order=order,
        correlationid="evt_1",
        traceparent=ORIGIN.trace,
    )
    return msgspec.json.encode(message).decode()


def test_an_order_whose_customer_approves_the_payment_is_authorized_when_stripe_reports_it(
    deliver: Deliver, stripe_provider: StripeProvider
) -> None:
    order = new_order()
    assert deliver(placed(order, ("tea", 2), method=stripe_provider.authenticated)) == []
    assert announced(order) == ["PaymentActionRequired"]
    payment = state(order)["id"]
    assert deliver(report(payment, order)) == []
    assert announced(order) == ["PaymentActionRequired"]
    stripe_provider.answer(payment, approved=True)
    assert deliver(report(payment, order)) == []
    assert announced(order) == ["PaymentActionRequired", "PaymentAuthorized"]
    assert stripe_provider.reserved(payment)


def test_a_report_without_an_order_is_sent_again_under_the_order_in_the_metadata(deliver: Deliver) -> None:
    event = placed(order := new_order(), ("tea", 2))
    assert deliver(event) == []
    assert deliver(report(state(order)["id"])) == []
    (message,) = boto3.client("sqs").receive_message(QueueUrl=os.environ["QUEUE"])["Messages"]
    sent, placing = json.loads(message["Body"]), json.loads(event)
    assert (sent["order"], sent["payment"]) == (order, state(order)["id"])
    assert (sent["correlationid"], sent["traceparent"]) == (placing["correlationid"], placing["traceparent"])


def test_the_key_is_in_no_environment_variable_no_item_and_no_log(
    deliver: Deliver, stripe_provider: StripeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    order = new_order()
    stripe_provider.edge.api_key = "sk_test_another"
    assert deliver(placed(order, ("tea", 2))) == [{"itemIdentifier": "m0"}]
    stripe_provider.edge.api_key = KEY
    assert deliver(placed(order, ("tea", 2))) == []
    logged = [str(vars(record)) for record in caplog.records if not record.name.startswith("botocore")]
    assert any("AuthenticationError" in line for line in logged)
    assert any("/v1/payment_intents" in line for line in logged)
    for text in (*logged, *os.environ.values(), str(item(order))):
        assert KEY not in text
