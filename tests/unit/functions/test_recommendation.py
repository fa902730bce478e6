import random
from itertools import combinations

import pytest

from contracts.orders.order_confirmed import OrderConfirmed
from functions.recommendation.api import Api, Recommendations
from functions.recommendation.bought_together import BoughtTogether, BoughtTogetherIndex
from functions.recommendation.handlers import MAX_PRODUCTS, ONE, RANK, Basket, contribution, on_order_confirmed
from functions.recommendation.service import service
from tests.unit.facts import ORDER, fact, line, order_confirmed, order_id
from tidings.core.decisions import Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.ports import MAX_ACTIONS
from tidings.core.strategy import CounterKey
from tidings.testing import Scenario, given, make_request


def bought(*products: str, order: str = ORDER) -> Event[OrderConfirmed]:
    return fact(order_confirmed(*(line(product, 1) for product in products)), order=order, n=2)


def counts(scenario: Scenario[Basket]) -> dict[tuple[str, str], int]:
    """The number of orders that contain both products of a pair."""
    sums = scenario.table.counters()
    return {(counter.group.removeprefix("with#"), counter.row): n // ONE for counter, n in sums.items()}


@pytest.fixture
def scenario() -> Scenario[Basket]:
    return given(service)


# Decisions


def test_a_basket_contains_the_different_products_of_an_order() -> None:
    assert on_order_confirmed(Entity(ORDER), bought("tea", "cup", "tea")) == Save(Basket(("cup", "tea")))


def test_an_order_is_counted_once() -> None:
    assert on_order_confirmed(Entity(ORDER, version=1, state=Basket(("tea",))), bought("tea", "cup")) == Skip()


def test_each_pair_counts_in_both_directions() -> None:
    assert contribution(Basket(("cup", "tea"))) == {
        CounterKey("with#cup", "tea", RANK): ONE,
        CounterKey("with#tea", "cup", RANK): ONE,
    }


def test_a_single_product_is_no_pair() -> None:
    assert contribution(Basket(("tea",))) == {}


@pytest.mark.parametrize(("products", "pairs"), [(MAX_PRODUCTS, 90), (MAX_PRODUCTS + 1, 0), (50, 0)])
def test_an_order_of_more_than_ten_products_is_not_counted(products: int, pairs: int) -> None:
    decision = on_order_confirmed(Entity(ORDER), bought(*(f"sku-{n}" for n in range(products))))
    assert isinstance(decision, Save)
    assert len(contribution(decision.state)) == pairs


def test_the_largest_basket_is_one_transaction_and_no_larger_one_would_be(scenario: Scenario[Basket]) -> None:
    scenario.given(bought(*(f"sku-{n}" for n in range(MAX_PRODUCTS))))
    ((_, increments),) = scenario.table.commits
    assert 1 + len(increments) <= MAX_ACTIONS < 1 + (MAX_PRODUCTS + 1) * MAX_PRODUCTS


# Projection


def test_orders_with_the_same_pair_are_summed_and_duplicates_are_not(scenario: Scenario[Basket]) -> None:
    events = [bought("tea", "cup", order=order_id(n)) for n in range(7)]
    scenario.when_batch(*events, *events).then()
    scenario.when_batch(*events).then(writes=0)
    assert counts(scenario) == {("tea", "cup"): 7, ("cup", "tea"): 7}
    assert len(scenario.table.commits) == 1


def test_a_tie_breaker_is_smaller_than_one_order_and_is_counted_once(scenario: Scenario[Basket]) -> None:
    ranks = []
    for n in range(3):
        scenario.given(bought("tea", "cup", order=order_id(n)))
        ranks.append(scenario.table.counters()[CounterKey("with#tea", "cup", RANK)])
    assert [rank // ONE for rank in ranks] == [1, 2, 3]
    assert len({rank % ONE for rank in ranks}) == 1


def test_shuffled_batches_end_in_the_same_ranks(rng: random.Random) -> None:
    products = [f"sku-{n}" for n in range(6)]
    for _ in range(100):
        baskets = [rng.sample(products, rng.randint(1, 4)) for _ in range(rng.randint(1, 12))]
        events = [bought(*basket, order=order_id(n)) for n, basket in enumerate(baskets)]
        ends = []
        for _ in range(2):
            scenario = given(service)
            deliveries = events * 2
            rng.shuffle(deliveries)
            size = rng.randint(1, 8)
            for start in range(0, len(deliveries), size):
                scenario.when_batch(*deliveries[start : start + size]).then()
            ends.append(scenario.table.counters())
        assert ends[0] == ends[1]
        expected = {
            (one, other): together
            for pair in combinations(products, 2)
            for one, other in (pair, pair[::-1])
            if (together := sum({one, other} <= set(basket) for basket in baskets))
        }
        assert counts(scenario) == expected


# The API


class MemoryIndex(BoughtTogetherIndex):
    """An index that contains the same products for each product."""

    def __init__(self, *products: BoughtTogether) -> None:
        self._products = products
        self.asked: list[str] = []

    def top(self, product: str, limit: int) -> tuple[BoughtTogether, ...]:
        self.asked.append(product)
        return self._products[:limit]


def show(
    index: MemoryIndex, sku: str = "tea", query: dict[str, int] | None = None, *, rebuilding: bool = False
) -> Recommendations:
    return Api(index, lambda: rebuilding).show(make_request({"sku": sku}, query=query, caller=None))


PRODUCTS = tuple(BoughtTogether(f"sku-{n}", 30 - n) for n in range(30))


@pytest.mark.parametrize(("query", "shown"), [({}, 10), ({"limit": 1}, 1), ({"limit": 20}, 20)])
def test_ten_products_are_shown_unless_a_limit_is_given(query: dict[str, int], shown: int) -> None:
    index = MemoryIndex(*PRODUCTS)
    answer = show(index, query=query)
    assert (answer.sku, answer.items) == ("tea", PRODUCTS[:shown])
    assert index.asked == ["tea"]


def test_the_answer_says_that_the_counts_are_being_rebuilt() -> None:
    assert show(MemoryIndex(), rebuilding=True).rebuilding
