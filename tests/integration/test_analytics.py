"""Sales figures on real tables: the same in every order, in every batch and with every number of deliveries."""

import random
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from functions.analytics.handlers import SHARDS
from infra.shop import SETTINGS
from tests.integration.batches import (
    DAY,
    NEXT_DAY,
    break_at,
    clear,
    hand_at_once,
    mend,
    next_day,
    sums,
)
from tests.integration.cloud import Cloud
from tests.integration.crash_points import NOW, stopped_clock
from tests.integration.facts import EPOCH, confirmed, fact, later, new_order, placed
from tests.integration.shop import Shop
from tidings.core.clock import to_rfc3339


def cancelled(order: str) -> str:
    return fact(order, OrderCancelled(reason="customer"), 3)


def sales(shop: Shop, first: str = DAY, last: str = NEXT_DAY) -> dict[str, Any]:
    """Return the sales report that an operator sees, by day."""
    answer = shop.call("GET", "/operators/sales", query={"from": first, "to": last})
    assert answer.status == 200, answer
    assert (answer.body["from"], answer.body["to"]) == (first, last)
    return {day["day"]: day for day in answer.body["days"]}


@stopped_clock()
def test_the_shops_orders_are_counted_on_the_days_of_their_events(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.stock("pen", 1, price=250)
    shop.place(("mug", 2), ("pen", 1))
    shop.cloud.drain()
    shop.place(("pen", 1))
    shop.place(("mug", 1), method="pm_card_declined")
    cancelled_order = shop.place(("mug", 3))
    shop.cloud.drain()
    assert shop.cancel(cancelled_order).status == 202
    shop.cloud.drain()
    today = to_rfc3339(NOW)[:10]
    found = sales(shop, today, today)
    total = {
        "placed": 4,
        "confirmed": 2,
        "cancelled": {"customer": 1, "out_of_stock": 1, "payment_failed": 1},
        "units": 3,
        "revenue": [{"amount": 2250, "currency": "EUR"}],
    }
    assert found[today]["total"] == total
    assert [(each["sku"], each["total"]["units"]) for each in found[today]["products"]] == [("mug", 2), ("pen", 1)]


def test_sales_are_counted_by_the_days_of_the_shops_time_zone(shop: Shop) -> None:
    zone = SETTINGS["local"].time_zone
    order, midnight = new_order(), datetime(2025, 6, 16, tzinfo=ZoneInfo(zone))
    late = later(placed(order, ("mug", 1)), round(midnight.timestamp() * 1000) - EPOCH - 2)
    at_midnight = later(confirmed(order, ("mug", 1)), round(midnight.timestamp() * 1000) - EPOCH - 2)
    assert hand_at_once(shop.cloud, "analytics", [late, at_midnight]) == []
    answer = shop.call("GET", "/operators/sales", query={"from": "2025-06-15", "to": "2025-06-16"}).body
    assert answer["time_zone"] == zone
    assert [(day["day"], day["total"]["placed"], day["total"]["confirmed"]) for day in answer["days"]] == [
        ("2025-06-15", 1, 0),
        ("2025-06-16", 0, 1),
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (None, "from"),
        ({"from": DAY}, "to"),
        ({"from": "yesterday", "to": DAY}, "from"),
        ({"from": NEXT_DAY, "to": DAY}, "to"),
        ({"from": "2025-01-01", "to": "2025-12-31"}, "to"),
    ],
)
def test_an_invalid_range_is_refused_with_its_field(shop: Shop, query: dict[str, str] | None, field: str) -> None:
    answer = shop.call("GET", "/operators/sales", query=query)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert answer.headers["content-type"] == "application/problem+json"


def test_days_without_sales_are_left_out(shop: Shop) -> None:
    assert sales(shop) == {}


FACTS: dict[str, Callable[[str], str]] = {
    "OrderPlaced": lambda order: placed(order, ("mug", 2), ("pen", 1)),
    "OrderConfirmed": lambda order: next_day(confirmed(order, ("mug", 2), ("pen", 1))),
    "OrderCancelled": lambda order: next_day(cancelled(order)),
}


@pytest.mark.parametrize(
    "types",
    [
        ("OrderPlaced", "OrderConfirmed", "OrderCancelled"),
        ("OrderPlaced", "OrderConfirmed"),
        ("OrderConfirmed", "OrderCancelled"),
        ("OrderPlaced", "OrderCancelled"),
    ],
)
def test_the_figures_are_the_same_in_every_order_of_events(shop: Shop, types: tuple[str, ...]) -> None:
    ends = []
    for permutation in permutations(types):
        clear(shop.cloud, "analytics")
        order = new_order()
        bodies = [FACTS[name](order) for name in permutation]
        for body in bodies:
            assert hand_at_once(shop.cloud, "analytics", [body, body]) == []
        assert hand_at_once(shop.cloud, "analytics", bodies) == []
        ends.append(sales(shop))
    assert all(end == ends[0] for end in ends)
    assert (DAY in ends[0]) == ("OrderPlaced" in types)


def test_100_shuffles_of_the_events_of_several_orders_give_the_same_figures(shop: Shop, rng: random.Random) -> None:
    """The figures are compared with those of one batch, in order and without duplicates."""
    lines = [[(f"sku-{rng.randint(1, 4)}", rng.randint(1, 3))] for _ in range(4)]
    orders = [new_order() for _ in lines]
    facts = [
        rng.choice([body, next_day(body)])
        for order, each in zip(orders, lines, strict=True)
        for body in rng.sample([placed(order, *each), confirmed(order, *each), cancelled(order)], 2)
    ]
    hand_at_once(shop.cloud, "analytics", facts)
    expected = sums(shop.cloud, "analytics")
    assert expected
    for _ in range(100):
        clear(shop.cloud, "analytics")
        deliveries = facts + rng.sample(facts, 2)
        rng.shuffle(deliveries)
        cut = rng.randint(1, len(deliveries))
        for batch in (deliveries[:cut], deliveries[cut:]):
            assert hand_at_once(shop.cloud, "analytics", batch) == []
        assert sums(shop.cloud, "analytics") == expected


@pytest.mark.parametrize(("messages", "calls"), [(1, 1), (50, 1), (98, 1), (99, 2), (200, 3)])
def test_a_batch_of_new_orders_is_as_few_transactions_as_fit_and_no_read(
    cloud: Cloud, messages: int, calls: int
) -> None:
    """All are counted in the two rows of a day and a product, and 98 orders fit beside these."""
    cloud.handler("analytics", "consumer")
    with cloud.calls.counted() as made:
        assert hand_at_once(cloud, "analytics", [placed(new_order(), ("mug", 1)) for _ in range(messages)]) == []
    assert made.names() == {"TransactWriteItems": calls}


def test_a_batch_of_known_orders_is_one_read_for_a_hundred_and_as_few_transactions_as_fit(cloud: Cloud) -> None:
    bodies = [confirmed(new_order(), ("mug", 1)) for _ in range(120)]
    cloud.handler("analytics", "consumer")
    with cloud.calls.counted() as made:
        assert hand_at_once(cloud, "analytics", bodies) == []
    assert made.names() == {"BatchGetItem": 2, "TransactWriteItems": 2}


def test_a_batch_of_duplicates_is_one_failed_transaction(cloud: Cloud) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(20)]
    hand_at_once(cloud, "analytics", bodies)
    with cloud.calls.counted() as made:
        assert hand_at_once(cloud, "analytics", bodies) == []
    assert made.names() == {"TransactWriteItems": 1}


def test_a_report_is_a_query_for_each_shard_of_a_month_and_no_scan(shop: Shop) -> None:
    shop.cloud.handler("analytics", "api")
    with shop.cloud.calls.counted() as made:
        sales(shop, "2025-05-01", "2025-07-31")
    # One more query asks whether the projection is being rebuilt.
    assert made.names() == {"Query": 3 * SHARDS + 1}


def test_the_counts_of_several_shards_are_summed(shop: Shop) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(30)]
    for body in bodies:
        hand_at_once(shop.cloud, "analytics", [body])
    rows = [item for item in shop.cloud.items(shop.cloud.table("analytics")) if item["sk"]["S"] == f"{DAY}#mug"]
    assert len(rows) > 1
    assert sales(shop)[DAY]["total"]["placed"] == sum(int(row["placed"]["N"]) for row in rows) == 30


@pytest.mark.parametrize(
    ("call", "counted", "body"), [("GetItem", "confirmed", confirmed), ("TransactWriteItems", "placed", placed)]
)
def test_an_order_that_fails_does_not_affect_the_others_of_its_batch(
    shop: Shop, call: str, counted: str, body: Callable[..., str]
) -> None:
    bad, *good = (new_order() for _ in range(20))
    bodies = [body(order, ("mug", 1)) for order in (*good, bad)]
    shop.cloud.handler("analytics", "consumer")
    break_at(shop.cloud, call, bad)
    assert hand_at_once(shop.cloud, "analytics", [*bodies, "no JSON"]) == ["19"]
    mend(shop.cloud)
    assert sales(shop)[DAY]["total"][counted] == 19
    (letter,) = shop.cloud.dead_letters("analytics")
    assert letter["reasons"]["reason"] == "undecodable"
    assert hand_at_once(shop.cloud, "analytics", bodies) == []
    assert sales(shop)[DAY]["total"][counted] == 20
