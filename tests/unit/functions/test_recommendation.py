import random
from itertools import combinations
from typing import Any

import pytest

from functions.recommendation.api import Api
from functions.recommendation.partners import Partner, Partners
from functions.recommendation.reactions import MOST_PRODUCTS, ONE, RANK, Basket, confirmed, counting, share
from functions.recommendation.service import service
from tests.unit.facts import HOME, ORDER, TRACE, fact, line
from tests.unit.ledger import MemoryLedger
from tidings.contracts import Money, OrderConfirmed
from tidings.decisions import Commit, Ignore
from tidings.events import Event
from tidings.fold import Cell, Fold
from tidings.item import Item
from tidings.routes import Problem, Request
from tidings.table import MAX_ACTIONS


def bought(*products: str, order: str = ORDER) -> Event[OrderConfirmed]:
    lines = tuple(line(product, 1) for product in products)
    data = OrderConfirmed(
        customer="customer-1", lines=lines, total=Money(1000, "EUR"), email="customer@example.com", address=HOME
    )
    return fact(data, order=order, n=2)


def counts(ledger: MemoryLedger) -> dict[tuple[str, str], int]:
    """By product and partner."""
    return {(group.removeprefix("with#"), row): n // ONE for (group, row, _), n in ledger.sums().items()}


def deliver(ledger: MemoryLedger, *events: Event[Any]) -> None:
    outcomes = Fold(service, counting, ledger, pause=lambda _: None).fold(events)
    assert set(outcomes.values()) == {None}


# Decisions


def test_a_basket_is_the_different_products_of_an_order() -> None:
    assert confirmed(Item(ORDER), bought("tea", "cup", "tea"), None) == Commit(Basket(("cup", "tea")))


def test_an_order_is_counted_once() -> None:
    assert confirmed(Item(ORDER, version=1, state=Basket(("tea",))), bought("tea", "cup"), None) == Ignore()


def test_each_pair_counts_in_both_directions() -> None:
    assert share(Basket(("cup", "tea"))) == {Cell("with#cup", "tea", RANK): ONE, Cell("with#tea", "cup", RANK): ONE}


def test_one_product_alone_is_bought_with_nothing() -> None:
    assert share(Basket(("tea",))) == {}


@pytest.mark.parametrize(("products", "pairs"), [(MOST_PRODUCTS, 90), (MOST_PRODUCTS + 1, 0), (50, 0)])
def test_an_order_of_more_than_ten_products_is_not_counted(products: int, pairs: int) -> None:
    decision = confirmed(Item(ORDER), bought(*(f"sku-{n}" for n in range(products))), None)
    assert isinstance(decision, Commit)
    assert len(share(decision.state)) == pairs


def test_the_largest_basket_is_one_transaction_and_no_larger_one_would_be() -> None:
    ledger = MemoryLedger()
    deliver(ledger, bought(*(f"sku-{n}" for n in range(MOST_PRODUCTS))))
    ((_, tallies),) = ledger.transactions
    assert 1 + len(tallies) <= MAX_ACTIONS < 1 + (MOST_PRODUCTS + 1) * MOST_PRODUCTS


# Counting


def test_orders_with_the_same_pair_add_up_and_duplicates_do_not() -> None:
    ledger = MemoryLedger()
    events = [bought("tea", "cup", order=f"order-{n}") for n in range(7)]
    deliver(ledger, *events, *events)
    deliver(ledger, *events)
    assert counts(ledger) == {("tea", "cup"): 7, ("cup", "tea"): 7}
    assert len(ledger.transactions) == 1


def test_what_breaks_a_tie_stays_below_one_order_and_is_counted_once() -> None:
    ledger = MemoryLedger()
    ranks = []
    for n in range(3):
        deliver(ledger, bought("tea", "cup", order=f"order-{n}"))
        ranks.append(ledger.sums()["with#tea", "cup", RANK])
    assert [rank // ONE for rank in ranks] == [1, 2, 3]
    assert len({rank % ONE for rank in ranks}) == 1


def test_shuffled_batches_end_in_the_same_ranks(chance: random.Random) -> None:
    products = [f"sku-{n}" for n in range(6)]
    for _ in range(100):
        baskets = [chance.sample(products, chance.randint(1, 4)) for _ in range(chance.randint(1, 12))]
        events = [bought(*basket, order=f"order-{n}") for n, basket in enumerate(baskets)]
        ends = []
        for _ in range(2):
            ledger = MemoryLedger()
            deliveries = events * 2
            chance.shuffle(deliveries)
            size = chance.randint(1, 8)
            for start in range(0, len(deliveries), size):
                deliver(ledger, *deliveries[start : start + size])
            ends.append(ledger.sums())
        assert ends[0] == ends[1]
        expected = {
            (one, other): together
            for pair in combinations(products, 2)
            for one, other in (pair, pair[::-1])
            if (together := sum({one, other} <= set(basket) for basket in baskets))
        }
        assert counts(ledger) == expected


# The API


class MemoryPartners(Partners):
    """The partners of a product, as many as it is asked for."""

    def __init__(self, *partners: Partner) -> None:
        self._found = partners
        self.asked: list[str] = []

    def top(self, product: str, most: int) -> tuple[Partner, ...]:
        self.asked.append(product)
        return self._found[:most]


def request(sku: str, **query: str) -> Request:
    return Request({"sku": sku}, query, {}, "request-1", TRACE)


PARTNERS = tuple(Partner(f"sku-{n}", 30 - n) for n in range(30))


@pytest.mark.parametrize(("query", "shown"), [({}, 10), ({"limit": "1"}, 1), ({"limit": "20"}, 20)])
def test_ten_partners_are_shown_unless_told(query: dict[str, str], shown: int) -> None:
    partners = MemoryPartners(*PARTNERS)
    answer = Api(partners, lambda: False).show(request("tea", **query))
    assert (answer.sku, answer.items) == ("tea", PARTNERS[:shown])
    assert partners.asked == ["tea"]


@pytest.mark.parametrize("limit", ["0", "21", "-1", "ten", "", "1.5", "٣", "001"])
def test_a_limit_that_is_none_is_refused_with_the_field(limit: str) -> None:
    with pytest.raises(Problem) as refusal:
        Api(MemoryPartners(), lambda: False).show(request("tea", limit=limit))
    assert (refusal.value.status, refusal.value.field) == (400, "limit")


@pytest.mark.parametrize("sku", ["no sku", "with#tea", "", "x" * 65])
def test_what_is_no_sku_is_refused(sku: str) -> None:
    with pytest.raises(Problem) as refusal:
        Api(MemoryPartners(), lambda: False).show(request(sku))
    assert (refusal.value.status, refusal.value.field) == (422, "sku")


def test_counts_that_are_made_anew_say_so() -> None:
    assert Api(MemoryPartners(), lambda: True).show(request("tea")).rebuilding
