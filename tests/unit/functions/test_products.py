from typing import Any, cast

import pytest

from functions.orders.products import Price, Product, Products, ProductTerms
from tests.unit.functions.shelf import Shelf
from tidings.contracts import Money

TEA = ProductTerms("Tea", Price(1250, "EUR"))
KEPT_FOR = 60


class Bench:
    """Products over a shelf in memory, at a time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.shelf = Shelf()
        self.products = self.of_another_function()
        self.products.put("tea", TEA)
        self.products.put("cup", ProductTerms("Cup", Price(499, "EUR")))

    def of_another_function(self) -> Products:
        return Products(cast(Any, self.shelf), "orders", KEPT_FOR, lambda: self.now)

    def price(self) -> int:
        return self.products.find(["tea"])["tea"].price.amount


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_product_is_found_as_it_was_put(bench: Bench) -> None:
    assert bench.products.find(["tea"]) == {"tea": Product("tea", "Tea", Money(1250, "EUR"))}


def test_products_that_there_are_not_are_left_out(bench: Bench) -> None:
    assert list(bench.products.find(["tea", "gin"])) == ["tea"]
    assert bench.products.find([]) == {}


def test_several_products_are_one_reading(bench: Bench) -> None:
    assert set(bench.products.find(["tea", "cup"])) == {"tea", "cup"}
    assert len(bench.shelf.reads) == 1


def test_what_was_found_is_not_read_again_until_its_time_is_over(bench: Bench) -> None:
    bench.products.find(["tea"])
    bench.now += KEPT_FOR - 1
    bench.products.find(["tea"])
    assert len(bench.shelf.reads) == 1
    bench.now += 1
    bench.products.find(["tea"])
    assert len(bench.shelf.reads) == 2


def test_finding_a_product_does_not_keep_it_any_longer(bench: Bench) -> None:
    for _ in range(4):
        bench.products.find(["tea"])
        bench.now += KEPT_FOR / 2
    assert len(bench.shelf.reads) == 2


def test_only_what_is_not_kept_is_read(bench: Bench) -> None:
    bench.products.find(["tea"])
    bench.products.find(["tea", "cup"])
    assert bench.shelf.reads == [["product#tea"], ["product#cup"]]


def test_what_there_is_not_is_looked_for_again(bench: Bench) -> None:
    bench.products.find(["gin"])
    bench.of_another_function().put("gin", TEA)
    assert "gin" in bench.products.find(["gin"])


def test_a_product_that_is_put_is_not_kept_as_it_was(bench: Bench) -> None:
    assert bench.price() == 1250
    bench.products.put("tea", ProductTerms("Tea", Price(1300, "EUR")))
    assert bench.price() == 1300


def test_a_price_that_changed_elsewhere_is_seen_when_the_time_is_over(bench: Bench) -> None:
    assert bench.price() == 1250
    bench.of_another_function().put("tea", ProductTerms("Tea", Price(1300, "EUR")))
    assert bench.price() == 1250
    bench.now += KEPT_FOR
    assert bench.price() == 1300


def test_keys_that_were_left_unread_are_read_again(bench: Bench) -> None:
    bench.shelf.unread = 1
    assert set(bench.products.find(["tea", "cup"])) == {"tea", "cup"}
    assert bench.shelf.reads == [["product#tea", "product#cup"], ["product#tea"]]


def test_a_product_that_is_shown_is_always_read(bench: Bench) -> None:
    bench.products.find(["tea"])
    assert bench.products.read("tea") == Product("tea", "Tea", Money(1250, "EUR"))
    assert bench.products.read("gin") is None
    assert len(bench.shelf.reads) == 3
