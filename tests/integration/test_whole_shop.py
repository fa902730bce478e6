"""Warehouse, loyalty and fraud: each handles the shop's events, and orders end as they should."""

import json
import random
from collections import Counter
from itertools import permutations

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from functions.fraud.rules import DAY, WINDOW
from tests.integration.cloud import Cloud
from tests.integration.facts import EPOCH, confirmed, fact, later, new_order, placed
from tests.integration.shop import Shop

CANCELLED = OrderCancelled(reason="customer")
CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))
AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=Money(1000, "EUR"))


def test_a_dispatched_order_leaves_the_stock_and_the_list(shop: Shop) -> None:
    shop.stock("mug", 10)
    order, other = shop.place(("mug", 2)), shop.place(("mug", 1))
    shop.cloud.drain()
    listed = shop.call("GET", "/operators/shipments").body["items"]
    assert {item["id"] for item in listed} == {order, other}
    answer = shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": "T1"})
    assert (answer.status, answer.body["status"]) == (202, "dispatched")
    shop.cloud.drain()
    assert shop.show(order)["status"] == "DISPATCHED"
    assert shop.level("mug") == {"sku": "mug", "on_hand": 8, "reserved": 1, "available": 7}
    assert [item["id"] for item in shop.call("GET", "/operators/shipments").body["items"]] == [other]
    assert shop.cancel(order).status == 409
    assert any("on its way" in mail.subject for mail in shop.cloud.mails())


def test_the_goods_of_an_order_dispatched_while_it_was_cancelled_are_asked_for(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    assert shop.cancel(order).status == 202
    assert shop.call("POST", f"/operators/shipments/{order}/dispatch", {}).status == 202
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CANCELLED"
    assert "ReturnRequested" in [event["type"] for event in shop.timeline(order)]
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert shop.call("POST", f"/operators/shipments/{order}/dispatch", {}).status == 409


def test_a_cancelled_order_is_not_dispatched(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    shop.cancel(order)
    shop.cloud.drain()
    answer = shop.call("POST", f"/operators/shipments/{order}/dispatch", {})
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert shop.call("GET", "/operators/shipments").body["items"] == []


def test_a_second_dispatch_changes_nothing_and_gets_the_first_answer(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain()
    answers = [
        shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": tracking}) for tracking in ("T1", "T2")
    ]
    assert [(answer.status, answer.body["tracking"]) for answer in answers] == [(202, "T1"), (202, "T1")]


UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000"


def test_an_id_without_a_confirmed_order_is_not_found(shop: Shop) -> None:
    assert shop.call("POST", f"/operators/shipments/{UNKNOWN_ORDER}/dispatch", {}).status == 404


@pytest.mark.parametrize("order", ["nothing", "balance#customer-1", "#balance#customer-1"])
def test_an_id_of_a_shipment_that_is_not_an_orders_id_is_not_valid_and_nothing_is_read(shop: Shop, order: str) -> None:
    shop.cloud.handler("warehouse", "api")
    with shop.cloud.calls.counted() as calls:
        answer = shop.call("POST", f"/operators/shipments/{order}/dispatch", {})
    assert (answer.status, answer.body["field"], calls.names()) == (422, "id", {})


def test_a_confirmed_order_earns_points_and_its_cancellation_revokes_them(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    kept, cancelled = shop.place(("mug", 2)), shop.place(("mug", 1))
    shop.cloud.drain()
    assert shop.call("GET", "/loyalty").body["balance"] == 25 + 12
    shop.cancel(cancelled)
    shop.cloud.drain()
    view = shop.call("GET", "/loyalty").body
    assert view["balance"] == 25
    assert {item["order"]: item["status"] for item in view["items"]} == {kept: "awarded", cancelled: "revoked"}
    assert shop.call("GET", "/loyalty", caller="another").body == {"balance": 0, "items": [], "next": None}


@pytest.mark.parametrize("cancelled", [False, True])
def test_loyalty_and_warehouse_end_in_the_same_state_in_every_order_of_events(shop: Shop, cancelled: bool) -> None:
    due = 0
    for permutation in permutations(["confirmed", "cancelled"][: 1 + cancelled]):
        order = new_order()
        events = {"confirmed": confirmed(order, ("mug", 2)), "cancelled": fact(order, CANCELLED, 3)}
        bodies = [events[name] for name in permutation for _ in range(2)] + [events[name] for name in permutation]
        assert shop.cloud.hand("loyalty", *bodies) == []
        assert shop.cloud.hand("warehouse", fact(order, CAPTURED, 2), *bodies) == []
        due += 0 if cancelled else 20
        assert shop.call("GET", "/loyalty").body["balance"] == due
        assert shop.cloud.item("warehouse", order)["state"]["status"] == ("cancelled" if cancelled else "to_pick")


def test_a_flagged_order_is_cancelled_and_refunded_and_its_customer_does_not_see_the_rules(shop: Shop) -> None:
    shop.stock("gold", 1_000, price=10_000_00)
    order = shop.place(("gold", 11))
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "fraud")
    assert all(captured == refunded for captured, refunded in shop.cloud.moved())
    assert shop.level("gold")["reserved"] == 0
    seen = {
        prefix: next(
            event["data"]
            for event in shop.call("GET", f"{prefix}/orders/{order}/timeline").body["events"]
            if event["type"] == "OrderFlagged"
        )
        for prefix in ("", "/operators")
    }
    assert seen == {"": {}, "/operators": {"rules": ["large-total"]}}


def test_fraud_flags_as_many_orders_in_every_order_of_events(cloud: Cloud, rng: random.Random) -> None:
    cloud.set_environment("fraud", "consumer", RULES='{"velocity":3,"address_spread":5,"large_total":{}}')
    for n in range(8):
        orders = [new_order() for _ in range(6)]
        bodies = [later(placed(order, ("mug", 1)), -n * WINDOW) for order in orders]
        paid = [fact(order, AUTHORIZED) for order in orders[1:]]
        bodies += paid
        shuffled = rng.sample(bodies * 2, len(bodies) * 2)
        assert cloud.hand("fraud", *shuffled) == []
        checks = Counter(cloud.item("fraud", order)["state"]["status"] for order in orders)
        assert checks == {"placed": 1, "counted": 3, "flagged": 2}


def test_a_customers_day_has_a_time_to_live_and_no_personal_data(cloud: Cloud) -> None:
    order = new_order()
    cloud.hand("fraud", placed(order, ("mug", 1)), fact(order, AUTHORIZED))
    (day,) = (item for item in cloud.items(cloud.table("fraud")) if item["pk"]["S"] != order)
    assert int(day["expires"]["N"]) * 1000 > EPOCH + 29 * DAY
    assert "customer-1" not in json.dumps(cloud.items(cloud.table("fraud")))
