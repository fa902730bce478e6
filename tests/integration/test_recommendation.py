"""Products that are frequently bought together, on real tables: each pair is counted once an order."""

import random
from itertools import permutations
from typing import Any

from tests.integration.batches import break_at, clear, hand_at_once, mend, sums
from tests.integration.cloud import Cloud
from tests.integration.facts import confirmed, new_order
from tests.integration.shop import Shop


def buy(cloud: Cloud, *products: str, times: int = 1) -> None:
    bodies = [confirmed(new_order(), *((product, 1) for product in products)) for _ in range(times)]
    assert hand_at_once(cloud, "recommendation", bodies) == []


def recommended(shop: Shop, sku: str, **query: str) -> list[tuple[str, int]]:
    answer = shop.call("GET", f"/recommendations/{sku}", query=query, caller=None)
    assert (answer.status, answer.body["sku"]) == (200, sku)
    return [(item["sku"], item["count"]) for item in answer.body["items"]]


def test_the_shops_orders_recommend_the_products_that_they_contain_together(shop: Shop) -> None:
    for sku in ("mug", "pen", "tea"):
        shop.stock(sku, 10)
    shop.place(("mug", 1), ("pen", 3))
    shop.place(("mug", 1), ("pen", 1), ("tea", 1))
    shop.place(("mug", 1), ("tea", 1), method="pm_card_declined")
    shop.cloud.drain()
    assert recommended(shop, "mug") == [("pen", 2), ("tea", 1)]
    assert sorted(recommended(shop, "tea")) == [("mug", 1), ("pen", 1)]


def test_a_product_that_was_bought_alone_has_no_recommendations(shop: Shop) -> None:
    buy(shop.cloud, "mug")
    assert recommended(shop, "mug") == []
    assert recommended(shop, "unheard-of") == []


def test_an_invalid_sku_is_refused(shop: Shop) -> None:
    answer = shop.call("GET", "/recommendations/no%20sku", caller=None)
    assert (answer.status, answer.body["field"]) == (422, "sku")


def test_an_invalid_limit_is_refused(shop: Shop) -> None:
    answer = shop.call("GET", "/recommendations/mug", query={"limit": "21"}, caller=None)
    assert (answer.status, answer.body["field"]) == (422, "limit")


def test_the_most_frequent_come_first_up_to_the_limit(shop: Shop) -> None:
    for n in range(1, 13):
        buy(shop.cloud, "mug", f"sku-{n}", times=n)
    expected = [(f"sku-{n}", n) for n in range(12, 0, -1)]
    assert recommended(shop, "mug") == expected[:10]
    assert recommended(shop, "mug", limit="3") == expected[:3]
    assert recommended(shop, "mug", limit="20") == expected


def test_ties_are_broken_in_the_same_way_in_every_order_of_events(shop: Shop) -> None:
    products = [f"sku-{n}" for n in range(8)]
    found = []
    for order in (products, products[::-1]):
        clear(shop.cloud, "recommendation")
        for product in order:
            buy(shop.cloud, "mug", product)
        found.append(recommended(shop, "mug"))
        assert recommended(shop, "mug", limit="4") == found[-1][:4]
    assert found[0] == found[1]
    assert {count for _, count in found[0]} == {1}


def test_the_answer_is_one_query_that_reads_only_what_it_returns(shop: Shop) -> None:
    for n in range(15):
        buy(shop.cloud, "mug", f"sku-{n}")
    shop.cloud.handler("recommendation", "api")
    with shop.cloud.calls.counted() as made:
        assert len(recommended(shop, "mug", limit="5")) == 5
    # The other query asks whether the projection is being rebuilt.
    assert sorted(request["Limit"] for _, request in made.made) == [1, 5]


def test_a_large_order_is_not_counted(shop: Shop) -> None:
    buy(shop.cloud, *(f"sku-{n}" for n in range(11)))
    assert recommended(shop, "sku-0") == []
    buy(shop.cloud, *(f"sku-{n}" for n in range(10)))
    assert len(recommended(shop, "sku-0", limit="20")) == 9


def test_a_batch_is_as_few_transactions_as_fit_and_no_read(cloud: Cloud) -> None:
    cloud.handler("recommendation", "consumer")
    with cloud.calls.counted() as made:
        buy(cloud, "mug", "pen", times=98)
    assert made.names() == {"TransactWriteItems": 1}


def test_the_counts_are_the_same_in_every_order_of_events(cloud: Cloud) -> None:
    bodies = [
        confirmed(new_order(), *((sku, 1) for sku in skus))
        for skus in (("mug", "pen"), ("mug", "tea"), ("mug", "pen", "tea"))
    ]
    ends = []
    for permutation in permutations(bodies):
        clear(cloud, "recommendation")
        for body in permutation:
            assert hand_at_once(cloud, "recommendation", [body, body]) == []
        assert hand_at_once(cloud, "recommendation", permutation) == []
        ends.append(sums(cloud, "recommendation"))
    assert all(end == ends[0] for end in ends)
    assert len(ends[0]) == 6


def test_shuffled_batches_with_repeats_give_the_same_counts(cloud: Cloud, rng: random.Random) -> None:
    skus = [f"sku-{n}" for n in range(5)]
    facts = [confirmed(new_order(), *((sku, 1) for sku in rng.sample(skus, rng.randint(1, 4)))) for _ in range(6)]
    hand_at_once(cloud, "recommendation", facts)
    expected = sums(cloud, "recommendation")
    for _ in range(30):
        clear(cloud, "recommendation")
        deliveries = facts + rng.sample(facts, 3)
        rng.shuffle(deliveries)
        cut = rng.randint(1, len(deliveries))
        for batch in (deliveries[:cut], deliveries[cut:]):
            assert hand_at_once(cloud, "recommendation", batch) == []
        assert sums(cloud, "recommendation") == expected


def test_an_order_that_fails_does_not_affect_the_others_of_its_batch(shop: Shop) -> None:
    bad, *good = (new_order() for _ in range(10))
    bodies = [confirmed(order, ("mug", 1), ("pen", 1)) for order in (bad, *good)]
    shop.cloud.handler("recommendation", "consumer")
    break_at(shop.cloud, "TransactWriteItems", bad)
    assert hand_at_once(shop.cloud, "recommendation", bodies) == ["0"]
    mend(shop.cloud)
    assert recommended(shop, "mug") == [("pen", 9)]
    assert hand_at_once(shop.cloud, "recommendation", bodies) == []
    assert recommended(shop, "mug") == [("pen", 10)]


def test_the_index_sorts_by_a_number(templates: dict[str, dict[str, Any]]) -> None:
    resources = templates["tidings-local-recommendation"]["Resources"].values()
    (table,) = [body["Properties"] for body in resources if body["Type"] == "AWS::DynamoDB::Table"]
    (index,) = table["GlobalSecondaryIndexes"]
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert [(key["AttributeName"], types[key["AttributeName"]]) for key in index["KeySchema"]] == [
        ("pk", "S"),
        ("rank", "N"),
    ]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
