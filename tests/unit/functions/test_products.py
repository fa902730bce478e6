from typing import Any, cast

import pytest

from contracts.values.money import Money
from functions.orders.products import Price, Product, Products, ProductTerms
from tests.unit.functions.dynamodb_client import StubDynamoDBClient

TEA = ProductTerms("Tea", Price(1250, "EUR"))
CACHE_SECONDS = 60


class Catalogue:
    """The products of one table, as the processes of several functions see them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.client = StubDynamoDBClient()
        self.products = self.another_process()
        self.products.put("tea", TEA)
        self.products.put("cup", ProductTerms("Cup", Price(499, "EUR")))

    def another_process(self) -> Products:
        return Products(cast(Any, self.client), "orders", CACHE_SECONDS, lambda: self.now)

    def price(self) -> int:
        return self.products.find(["tea"])["tea"].price.amount


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


def test_a_product_is_found_as_it_was_put(catalogue: Catalogue) -> None:
    assert catalogue.products.find(["tea"]) == {"tea": Product("tea", "Tea", Money(1250, "EUR"))}


def test_products_that_do_not_exist_are_left_out(catalogue: Catalogue) -> None:
    assert list(catalogue.products.find(["tea", "gin"])) == ["tea"]
    assert catalogue.products.find([]) == {}


def test_several_products_are_one_read(catalogue: Catalogue) -> None:
    assert set(catalogue.products.find(["tea", "cup"])) == {"tea", "cup"}
    assert len(catalogue.client.reads) == 1


def test_a_cached_product_is_not_read_again_until_it_is_too_old(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    catalogue.now += CACHE_SECONDS - 1
    catalogue.products.find(["tea"])
    assert len(catalogue.client.reads) == 1
    catalogue.now += 1
    catalogue.products.find(["tea"])
    assert len(catalogue.client.reads) == 2


def test_finding_a_product_does_not_keep_it_longer(catalogue: Catalogue) -> None:
    for _ in range(4):
        catalogue.products.find(["tea"])
        catalogue.now += CACHE_SECONDS / 2
    assert len(catalogue.client.reads) == 2


def test_only_products_that_are_not_cached_are_read(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    catalogue.products.find(["tea", "cup"])
    assert catalogue.client.reads == [["#product#tea"], ["#product#cup"]]


def test_a_product_that_did_not_exist_is_read_again(catalogue: Catalogue) -> None:
    catalogue.products.find(["gin"])
    catalogue.another_process().put("gin", TEA)
    assert "gin" in catalogue.products.find(["gin"])


def test_putting_a_product_removes_it_from_the_cache(catalogue: Catalogue) -> None:
    assert catalogue.price() == 1250
    catalogue.products.put("tea", ProductTerms("Tea", Price(1300, "EUR")))
    assert catalogue.price() == 1300


def test_a_price_that_another_process_changed_is_found_when_the_cached_one_is_too_old(catalogue: Catalogue) -> None:
    assert catalogue.price() == 1250
    catalogue.another_process().put("tea", ProductTerms("Tea", Price(1300, "EUR")))
    assert catalogue.price() == 1250
    catalogue.now += CACHE_SECONDS
    assert catalogue.price() == 1300


def test_unprocessed_keys_are_read_again(catalogue: Catalogue) -> None:
    catalogue.client.unprocessed = 1
    assert set(catalogue.products.find(["tea", "cup"])) == {"tea", "cup"}
    assert catalogue.client.reads == [["#product#tea", "#product#cup"], ["#product#tea"]]


def test_a_product_that_is_shown_is_always_read(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    assert catalogue.products.read("tea") == Product("tea", "Tea", Money(1250, "EUR"))
    assert catalogue.products.read("gin") is None
    assert len(catalogue.client.reads) == 3
