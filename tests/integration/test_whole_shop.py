"""The services that came later: each reacts, and the shop's orders end as they must."""

import json
import random
from itertools import permutations

import pytest

from tests.integration.cloud import Cloud
from tests.integration.facts import ADDRESS, at, fact, new_order, placed
from tests.integration.shop import Shop
from tidings.contracts import Money, OrderCancelled, OrderConfirmed, OrderLine

CANCELLED = OrderCancelled(reason="customer")


def confirmed(order: str, total: int = 2000) -> str:
    data = OrderConfirmed(
        customer="customer-1",
        lines=(OrderLine("mug", 2, Money(total // 2, "EUR")),),
        total=Money(total, "EUR"),
        email="customer@example.com",
        address=ADDRESS,
    )
    return fact(order, "orders", data, 2)


def test_a_dispatched_order_leaves_the_stock_and_the_list(shop: Shop) -> None:
    shop.stock("mug", 10)
    order, other = shop.place(("mug", 2)), shop.place(("mug", 1))
    shop.cloud.settle()
    listed = shop.call("GET", "/shipments", operator=True).body["items"]
    assert {item["id"] for item in listed} == {order, other}
    answer = shop.call("POST", f"/shipments/{order}/dispatch", {"tracking": "T1"}, operator=True)
    assert (answer.status, answer.body["status"]) == (202, "dispatched")
    shop.cloud.settle()
    assert shop.show(order)["status"] == "DISPATCHED"
    assert shop.level("mug") == {"sku": "mug", "on_hand": 8, "reserved": 1, "available": 7}
    assert [item["id"] for item in shop.call("GET", "/shipments", operator=True).body["items"]] == [other]
    assert shop.cancel(order).status == 409
    assert any("on its way" in mail.subject for mail in shop.cloud.mails())


def test_an_order_dispatched_while_it_was_cancelled_comes_back(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.settle()
    assert shop.cancel(order).status == 202
    assert shop.call("POST", f"/shipments/{order}/dispatch", {}, operator=True).status == 202
    shop.cloud.settle()
    assert shop.show(order)["status"] == "CANCELLED"
    assert "ReturnRequested" in [event["type"] for event in shop.timeline(order)]
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert shop.call("POST", f"/shipments/{order}/dispatch", {}, operator=True).status == 409


def test_a_cancelled_order_is_not_dispatched(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.settle()
    shop.cancel(order)
    shop.cloud.settle()
    answer = shop.call("POST", f"/shipments/{order}/dispatch", {}, operator=True)
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert shop.call("GET", "/shipments", operator=True).body["items"] == []


def test_dispatching_twice_is_dispatching_once(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.settle()
    answers = [
        shop.call("POST", f"/shipments/{order}/dispatch", {"tracking": tracking}, operator=True)
        for tracking in ("T1", "T2")
    ]
    assert [(answer.status, answer.body["tracking"]) for answer in answers] == [(202, "T1"), (202, "T1")]


UNHEARD_OF = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(("method", "path"), [("GET", "/shipments"), ("POST", f"/shipments/{UNHEARD_OF}/dispatch")])
def test_a_customer_has_no_business_in_the_warehouse(shop: Shop, method: str, path: str) -> None:
    assert shop.call(method, path, {} if method == "POST" else None).status == 403


@pytest.mark.parametrize("order", [UNHEARD_OF, "nothing", "balance#customer-1"])
def test_what_was_never_confirmed_is_not_dispatched(shop: Shop, order: str) -> None:
    assert shop.call("POST", f"/shipments/{order}/dispatch", {}, operator=True).status == 404


def test_points_are_earned_by_confirmed_orders_and_revoked_with_them(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    kept, off = shop.place(("mug", 2)), shop.place(("mug", 1))
    shop.cloud.settle()
    assert shop.call("GET", "/loyalty").body["balance"] == 25 + 12
    shop.cancel(off)
    shop.cloud.settle()
    view = shop.call("GET", "/loyalty").body
    assert view["balance"] == 25
    assert {item["order"]: item["status"] for item in view["items"]} == {kept: "awarded", off: "revoked"}
    assert shop.call("GET", "/loyalty", caller="another").body == {"balance": 0, "items": [], "next": None}


@pytest.mark.parametrize("cancelled", [False, True])
def test_loyalty_and_warehouse_end_the_same_in_every_order_of_events(shop: Shop, cancelled: bool) -> None:
    due = 0
    for permutation in permutations(["confirmed", "cancelled"][: 1 + cancelled]):
        order = new_order()
        events = {"confirmed": confirmed(order), "cancelled": fact(order, "orders", CANCELLED, 3)}
        bodies = [events[name] for name in permutation for _ in range(2)] + [events[name] for name in permutation]
        for service in ("loyalty", "warehouse"):
            assert shop.cloud.hand(service, *bodies) == []
        due += 0 if cancelled else 20
        assert shop.call("GET", "/loyalty").body["balance"] == due
        assert shop.cloud.item("warehouse", order)["state"]["status"] == ("cancelled" if cancelled else "to_pick")


def test_a_flagged_order_is_cancelled_and_refunded_and_its_customer_is_not_told_the_rules(shop: Shop) -> None:
    shop.stock("gold", 1_000, price=10_000_00)
    order = shop.place(("gold", 11))
    shop.cloud.settle()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "fraud")
    assert sum(int(each["captured"]["N"]) - int(each["refunded"]["N"]) for each in shop.cloud.payments()) == 0
    assert shop.level("gold")["reserved"] == 0
    seen = {
        operator: next(
            event["data"]
            for event in shop.call("GET", f"/orders/{order}/timeline", operator=operator).body["events"]
            if event["type"] == "OrderFlagged"
        )
        for operator in (False, True)
    }
    assert seen == {False: {}, True: {"rules": ["large-total"]}}


def test_fraud_flags_the_same_orders_in_every_order_of_events(cloud: Cloud, chance: random.Random) -> None:
    rules = [
        {"type": "Window", "name": "velocity", "by": "customer", "span": 1000, "most": 3},
        {"type": "Limit", "name": "large-total", "limits": {}},
    ]
    cloud.set_environment("fraud", "consumer", RULES=json.dumps(rules))
    found: list[list[int]] = []
    for _ in range(8):
        orders = [new_order() for _ in range(6)]
        shift = len(found) * 1_000_000
        bodies = [at(placed(order, ("mug", 1)), shift + n * 100) for n, order in enumerate(orders)]
        shuffled = chance.sample(bodies * 2, len(bodies) * 2)
        assert cloud.hand("fraud", *shuffled) == []
        found.append([n for n, order in enumerate(orders) if cloud.item("fraud", order)])
    assert found == [[3, 4, 5]] * 8
