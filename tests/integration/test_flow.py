"""The flow of an order through real handlers and moto's streams, topic and queues."""

import json
import random
from collections import Counter
from typing import Any

import pytest

from tests.integration.shop import Shop


def types(shop: Shop, order: str) -> list[str]:
    return [event["type"] for event in shop.timeline(order)]


def test_an_order_is_authorized_reserved_confirmed_captured_and_mailed(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["total"]) == ("CONFIRMED", {"amount": 2500, "currency": "EUR"})
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 2, "available": 8}
    assert [payment["captured"]["N"] for payment in shop.cloud.payments()] == ["1"]
    (mail,) = shop.cloud.mails()
    assert order in mail.subject
    assert types(shop, order)[0] == "OrderPlaced"
    assert sorted(types(shop, order)) == [
        "EmailSent",
        "OrderConfirmed",
        "OrderPlaced",
        "PaymentAuthorized",
        "PaymentCaptured",
        "PointsAwarded",
        "StockReserved",
    ]


@pytest.mark.parametrize(
    ("method", "code"), [("pm_card_declined", "card_declined"), ("pm_card_insufficient_funds", "insufficient_funds")]
)
def test_a_declined_payment_leaves_a_cancelled_order_no_stock_held_and_one_mail(
    shop: Shop, method: str, code: str
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method=method)
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "payment_failed")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert [mail.subject for mail in shop.cloud.mails()] == [f"Your order {order} is cancelled"]
    failed = next(event for event in shop.timeline(order) if event["type"] == "PaymentFailed")
    assert failed["data"]["code"] == code
    assert failed["data"]["amount"] == {"amount": 2000, "currency": "EUR"}


def test_an_order_that_is_out_of_stock_is_cancelled_and_never_charged(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.stock("pen", 1)
    order = shop.place(("mug", 2), ("pen", 2))
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "out_of_stock")
    assert [shop.level(sku)["available"] for sku in ("mug", "pen")] == [10, 1]
    assert [each["captured"]["N"] for each in shop.cloud.payments()] in (["0"], [])
    assert "authorized" not in [each["status"]["S"] for each in shop.cloud.payments()]
    assert [mail.subject for mail in shop.cloud.mails()] == [f"Your order {order} is cancelled"]
    rejected = next(event for event in shop.timeline(order) if event["type"] == "StockRejected")
    assert rejected["data"] == {"short": [{"sku": "pen", "requested": 2, "available": 1}]}


def test_a_payment_that_fails_once_is_captured_by_the_next_attempt(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method="pm_card_error_once")
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert [payment["captured"]["N"] for payment in shop.cloud.payments()] == ["1"]


def test_an_order_whose_authorization_expires_before_the_capture_is_cancelled_without_a_receipt(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method="pm_card_authorization_expires")
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "payment_failed")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert [(each["status"]["S"], each["captured"]["N"]) for each in shop.cloud.payments()] == [("expired", "0")]
    assert [mail.subject for mail in shop.cloud.mails()] == [f"Your order {order} is cancelled"]
    assert shop.call("POST", f"/operators/shipments/{order}/dispatch", {}).status == 409


class Minute:
    """A function's context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def check_payments(shop: Shop) -> dict[str, Any]:
    """Run the job that checks payments, also those that are not due yet."""
    return dict(shop.cloud.handler("payment", "checks")({"all": True}, Minute()))


def refunds(shop: Shop, order: str) -> list[tuple[str, int]]:
    """Return the status and the amount of an order's refunds, as operators see them."""
    answer = shop.call("GET", f"/operators/orders/{order}/payment")
    return [(refund["status"], refund["amount"]["amount"]) for refund in answer.body["refunds"]]


def test_an_order_whose_customer_approves_the_payment_is_confirmed_although_the_webhook_is_lost(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method="pm_card_authentication_required")
    shop.cloud.drain()
    assert shop.show(order)["waiting_for"] == ["approval"]
    (payment,) = shop.cloud.payments()
    answered = {"status": {"S": "authorized"}, "version": {"N": str(int(payment["version"]["N"]) + 1)}}
    shop.cloud.dynamodb.put_item(
        TableName=shop.cloud.environment("payment", "consumer")["GATEWAY_TABLE"], Item=payment | answered
    )
    assert check_payments(shop)["ended"] == 1
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert [each["captured"]["N"] for each in shop.cloud.payments()] == ["1"]


def test_a_part_that_an_operator_refunds_is_returned_once_and_the_rest_when_the_order_is_cancelled(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    body = {"amount": {"amount": 500, "currency": "EUR"}, "reason": "damaged"}
    for _ in range(2):
        path = f"/operators/orders/{order}/refunds"
        assert shop.call("POST", path, body, headers={"idempotency-key": "damage-1"}).status == 202
        shop.cloud.drain()
    assert refunds(shop, order) == [("succeeded", 500)]
    assert shop.cancel(order).status == 202
    shop.cloud.drain()
    assert refunds(shop, order) == [("succeeded", 500), ("succeeded", 1500)]
    assert [each["refunded"]["N"] for each in shop.cloud.payments()] == ["2000"]
    assert types(shop, order).count("PaymentRefunded") == 2


def test_a_refund_that_is_pending_is_announced_once_it_has_succeeded(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method="pm_card_refund_pending")
    shop.cloud.drain()
    assert shop.cancel(order).status == 202
    shop.cloud.drain()
    assert "PaymentRefunded" not in types(shop, order)
    assert refunds(shop, order) == [("pending", 2000)]
    assert check_payments(shop)["waiting"] == 1
    shop.cloud.drain()
    assert refunds(shop, order) == [("succeeded", 2000)]
    assert types(shop, order).count("PaymentRefunded") == 1
    check_payments(shop)
    shop.cloud.drain()
    assert types(shop, order).count("PaymentRefunded") == 1


def test_a_refund_that_fails_is_announced_with_its_reason_and_not_as_done(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2), method="pm_card_refund_fails")
    shop.cloud.drain()
    assert shop.cancel(order).status == 202
    shop.cloud.drain()
    failed = next(event for event in shop.timeline(order) if event["type"] == "RefundFailed")
    assert failed["data"]["code"] == "expired_or_canceled_card"
    assert failed["data"]["amount"] == {"amount": 2000, "currency": "EUR"}
    assert "PaymentRefunded" not in types(shop, order)
    assert shop.show(order)["status"] == "CANCELLED"


def test_an_order_that_costs_nothing_is_confirmed_dispatched_and_mailed_without_a_payment(shop: Shop) -> None:
    shop.stock("mug", 10, price=0)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert shop.cloud.payments() == []
    assert "PaymentNotNeeded" in types(shop, order)
    assert shop.call("POST", f"/operators/shipments/{order}/dispatch", {}).status == 202
    shop.cloud.drain()
    assert [mail.subject for mail in shop.cloud.mails()] == [
        f"Your receipt for order {order}",
        f"Your order {order} is on its way",
    ]


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_order_cancelled_by_its_customer_is_refunded_and_its_stock_released(shop: Shop, confirmed: bool) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    if confirmed:
        shop.cloud.drain()
    assert shop.cancel(order).status == 202
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "customer")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert all(captured == refunded for captured, refunded in shop.cloud.moved())
    if confirmed:
        assert {"OrderConfirmed", "PaymentRefunded", "StockReleased"} <= set(types(shop, order))


def test_a_timeline_is_in_causal_order_and_shows_the_delay_since_each_cause(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    timeline = shop.timeline(order)
    seen: set[str] = set()
    for event in timeline:
        if event["type"] == "OrderPlaced":
            assert (event["causationid"], event["delay_ms"]) == (None, None)
        else:
            assert event["causationid"] in seen
            assert event["delay_ms"] >= 1
        seen.add(event["id"])
    assert [event["time"] for event in timeline] == sorted(event["time"] for event in timeline)


def test_every_event_of_an_order_carries_the_first_requests_correlation_id_and_trace(shop: Shop) -> None:
    shop.stock("mug", 10)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"Idempotency-Key": "key", "traceparent": trace}
    order = shop.call("POST", "/orders", shop.order(("mug", 1)), headers=headers).body["id"]
    shop.cloud.drain()
    items = [item for item in shop.cloud.items(shop.cloud.table("history")) if item["pk"]["S"] == order]
    events = [json.loads(item["event"]["S"]) for item in items if "event" in item]
    assert len(events) == 7
    assert {event["traceparent"] for event in events} == {trace}
    assert len({event["correlationid"] for event in events}) == 1


def test_the_last_unit_goes_to_one_order_only(shop: Shop) -> None:
    shop.stock("mug", 1)
    orders = [shop.place(("mug", 1)) for _ in range(5)]
    shop.cloud.drain()
    statuses = Counter(shop.show(order)["status"] for order in orders)
    assert statuses == {"CONFIRMED": 1, "CANCELLED": 4}
    assert shop.level("mug") == {"sku": "mug", "on_hand": 1, "reserved": 1, "available": 0}


def test_the_invariants_hold_for_many_orders_in_a_random_order_of_deliveries(shop: Shop, rng: random.Random) -> None:
    shop.stock("mug", 15)
    shop.stock("pen", 1000)
    methods = ["pm_card_visa", "pm_card_visa", "pm_card_declined", "pm_card_error_once"]
    orders = [
        shop.place(("mug", rng.randint(1, 2)), ("pen", rng.randint(1, 5)), method=rng.choice(methods))
        for _ in range(20)
    ]
    for order in rng.sample(orders, 5):
        for _ in range(rng.randint(0, 3)):
            service = rng.choice(shop.cloud.consumers)
            shop.cloud.relay(service)
            shop.cloud.deliver(service, times=2, rng=rng)
        assert shop.cancel(order).status == 202
    shop.cloud.drain(times=2, rng=rng)

    reserved: Counter[str] = Counter()
    for order in orders:
        shown = shop.show(order)
        assert shown["status"] in ("CONFIRMED", "CANCELLED")
        confirmed = shown["status"] == "CONFIRMED"
        assert sum(captured - refunded for captured, refunded in shop.cloud.moved(order)) == int(confirmed)
        for line in shown["lines"] if confirmed else []:
            reserved[line["sku"]] += line["quantity"]
        timeline = shop.timeline(order)
        for source in {event["source"] for event in timeline}:
            numbers = sorted(int(event["id"].rpartition("/")[2]) for event in timeline if event["source"] == source)
            assert numbers == list(range(1, len(numbers) + 1))
    for sku in ("mug", "pen"):
        level = shop.level(sku)
        assert level["reserved"] == reserved[sku]
        assert level["available"] >= 0
    assert max(Counter(mail.subject for mail in shop.cloud.mails()).values()) == 1
    assert all(shop.cloud.dead_letters(service) == [] for service in shop.cloud.consumers)
