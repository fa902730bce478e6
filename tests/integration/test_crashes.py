"""What a function's death leaves behind, at every call that it makes outside, and what brings it to its end."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from tests.integration.cloud import Cloud, CrashError
from tests.integration.facts import fact, new_order, placed
from tests.integration.shop import Shop
from tidings.contracts import Money, OrderCancelled, PaymentCaptured

CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))
CANCELLED = OrderCancelled(reason="customer")

MOST_CALLS = 20


def moved(cloud: Cloud) -> list[tuple[int, int]]:
    """How often each payment's money moved to the shop, and back."""
    return [(int(payment["captured"]["N"]), int(payment["refunded"]["N"])) for payment in cloud.payments()]


def crash_at(n: int, moment: str, cloud: Cloud) -> Callable[[], bool]:
    """The function dies before or after its n-th call; tells whether it got that far."""
    seen = 0

    def dies(_name: str, _request: Mapping[str, Any]) -> bool:
        nonlocal seen
        seen += 1
        return seen == n

    setattr(cloud.calls, moment, dies)
    return lambda: seen >= n


def alive(cloud: Cloud) -> None:
    cloud.calls.before = cloud.calls.after = lambda _name, _request: False


def run_with_every_crash(cloud: Cloud, moment: str, deliver: Callable[[], object], check: Callable[[], None]) -> int:
    """Runs a delivery once per call, dying one call later each time, redelivers, and checks; gives the crashes."""
    for n in range(1, MOST_CALLS):
        reached = crash_at(n, moment, cloud)
        with suppress(CrashError):
            deliver()
        alive(cloud)
        if not reached():
            return n - 1
        deliver()
        check()
    raise AssertionError(f"the delivery made more than {MOST_CALLS} calls")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_charge_that_died_anywhere_moves_the_money_once(cloud: Cloud, moment: str) -> None:
    orders: list[str] = []
    cloud.handler("payment", "consumer")

    def deliver() -> None:
        cloud.hand("payment", placed(orders[-1], ("mug", 2)))

    def check() -> None:
        assert cloud.item("payment", orders[-1])["state"]["status"] == "captured"
        assert moved(cloud) == [(1, 0)] * len(orders)
        orders.append(new_order())

    orders.append(new_order())
    assert run_with_every_crash(cloud, moment, deliver, check) >= 6


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_refund_that_died_anywhere_moves_the_money_back_once(cloud: Cloud, moment: str) -> None:
    orders = [new_order()]
    cloud.hand("payment", placed(orders[-1], ("mug", 2)))

    def check() -> None:
        assert cloud.item("payment", orders[-1])["state"]["status"] == "refunded"
        assert moved(cloud) == [(1, 1)] * len(orders)
        orders.append(new_order())
        cloud.hand("payment", placed(orders[-1], ("mug", 2)))

    def deliver() -> None:
        cloud.hand("payment", fact(orders[-1], "orders", CANCELLED, 2))

    assert run_with_every_crash(cloud, moment, deliver, check) >= 5


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_reservation_that_died_anywhere_holds_the_stock_once(shop: Shop, moment: str) -> None:
    shop.stock("mug", 100)
    orders = [new_order()]
    shop.cloud.handler("inventory", "consumer")

    def check() -> None:
        assert shop.level("mug")["reserved"] == 2 * len(orders)
        orders.append(new_order())

    def deliver() -> None:
        shop.cloud.hand("inventory", placed(orders[-1], ("mug", 2)))

    assert run_with_every_crash(shop.cloud, moment, deliver, check) >= 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mail_is_sent_twice_only_where_the_sender_died_between_sending_and_recording(
    cloud: Cloud, moment: str
) -> None:
    orders: list[str] = []
    counts: list[int] = []

    def next_order() -> None:
        orders.append(new_order())
        cloud.hand("notification", placed(orders[-1], ("mug", 2)))

    def check() -> None:
        assert cloud.item("notification", orders[-1])["state"]["emails"]["receipt"]["status"] == "sent"
        counts.append(sum(orders[-1] in mail.subject for mail in cloud.mails()))
        next_order()

    next_order()
    # The calls are: read, write the intent, send, write the outcome.
    crashes = run_with_every_crash(
        cloud, moment, lambda: cloud.hand("notification", fact(orders[-1], "payment", CAPTURED)), check
    )
    assert crashes == 4
    assert counts == ([1, 1, 1, 2] if moment == "before" else [1, 1, 2, 1])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_order_whose_placing_died_is_placed_once_by_the_customers_retry(shop: Shop, moment: str) -> None:
    shop.stock("mug", 10)
    shop.cloud.handler("orders", "api")
    body = shop.order(("mug", 1))
    keys = ["key-0"]

    def check() -> None:
        keys.append(f"key-{len(keys)}")

    assert run_with_every_crash(shop.cloud, moment, lambda: shop.post(body, keys[-1]), check) >= 1
    shop.cloud.settle()
    items = shop.call("GET", "/orders").body["items"]
    assert len(items) == len(keys)
    assert {item["status"] for item in items} == {"CONFIRMED"}


def test_an_order_cancelled_while_charging_is_refunded_though_the_charge_died_five_times_after_the_money_moved(
    shop: Shop,
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.relay("orders")
    shop.cloud.handler("payment", "consumer")
    gateway = shop.cloud.environment("payment", "consumer")["GATEWAY_TABLE"]

    def dies_when_recording(name: str, request: Mapping[str, Any]) -> bool:
        state = json.loads(request["Item"]["state"]["S"]) if name == "PutItem" and "state" in request["Item"] else {}
        return request.get("TableName") != gateway and state.get("status") == "captured"

    shop.cloud.calls.before = dies_when_recording
    attempts = 0
    while shop.cloud.deliver("payment"):
        attempts += 1
        assert attempts <= 5
    alive(shop.cloud)
    assert attempts == 5
    assert moved(shop.cloud) == [(1, 0)]
    assert shop.cloud.item("payment", order)["state"]["status"] == "charging"

    assert shop.cancel(order).status == 202
    shop.cloud.settle()
    assert moved(shop.cloud) == [(1, 1)]

    assert shop.cloud.redrive("payment") == 1
    shop.cloud.settle()
    assert moved(shop.cloud) == [(1, 1)]
    assert shop.show(order)["status"] == "CANCELLED"
    assert "PaymentRefunded" in [event["type"] for event in shop.timeline(order)]
    assert shop.level("mug")["reserved"] == 0


def test_an_order_cancelled_before_its_charge_confirmed_is_voided(cloud: Cloud) -> None:
    order = new_order()
    cloud.handler("payment", "consumer")
    cloud.calls.before = lambda name, _: name == "UpdateItem"
    with pytest.raises(CrashError):
        cloud.hand("payment", placed(order, ("mug", 2)))
    alive(cloud)
    assert cloud.item("payment", order)["state"]["status"] == "charging"
    cloud.hand("payment", fact(order, "orders", CANCELLED, 2))
    cloud.hand("payment", placed(order, ("mug", 2)))
    assert cloud.item("payment", order)["state"]["status"] == "voided"
    assert moved(cloud) == [(0, 0)]
