from typing import Any

import pytest

from contracts.orders.price_changed import PriceChanged
from contracts.orders.product_listed import ProductListed
from contracts.values.money import Money
from functions.orders import catalogue as orders
from functions.orders.catalogue import Entry, Product, change, product_key
from functions.orders.products import Price, Products, ProductTerms
from tidings.core.entity import Entity, MessageMetadata
from tidings.core.errors import ContentionError
from tidings.core.event import Event
from tidings.handling.retries import MAX_ATTEMPTS
from tidings.testing import TRACEPARENT, MemoryTable, VirtualClock, duplicate_request, preceded_by, transaction_conflict

TEA, DEARER = (ProductTerms("Tea", Price(amount, "EUR")) for amount in (1250, 1300))
RENAMED = ProductTerms("Assam tea", Price(1300, "EUR"))
CACHE_SECONDS = 60


class Catalogue:
    """The products of one table, as the processes of several functions see them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = VirtualClock()
        self.table = MemoryTable()
        self.pauses: list[int] = []
        self.products = self.another_process()
        self.put("tea", TEA)
        self.put("cup", ProductTerms("Cup", Price(499, "EUR")))
        self.table.reads.clear()
        self.table.commits.clear()

    def another_process(self) -> Products:
        return Products(self.table, CACHE_SECONDS, lambda: self.now, self.pauses.append)

    def put(self, sku: str, terms: ProductTerms, by: Products | None = None) -> Product:
        metadata = MessageMetadata("request-1", TRACEPARENT, self.clock.now)
        return (by or self.products).put(sku, terms, metadata)

    def month(self, key: str = "tea:2026-01") -> Entity[Entry]:
        stored = self.table.entities.get(key)
        return orders.catalogue.codec.decode(stored) if stored else Entity(key)

    def announced(self, key: str = "tea:2026-01") -> list[Event[Any]]:
        return [event.envelope for event in self.month(key).outbox]

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
    assert len(catalogue.table.reads) == 1


def test_a_cached_product_is_not_read_again_until_it_is_too_old(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    catalogue.now += CACHE_SECONDS - 1
    catalogue.products.find(["tea"])
    assert len(catalogue.table.reads) == 1
    catalogue.now += 1
    catalogue.products.find(["tea"])
    assert len(catalogue.table.reads) == 2


def test_finding_a_product_does_not_keep_it_longer(catalogue: Catalogue) -> None:
    for _ in range(4):
        catalogue.products.find(["tea"])
        catalogue.now += CACHE_SECONDS / 2
    assert len(catalogue.table.reads) == 2


def test_only_products_that_are_not_cached_are_read(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    catalogue.products.find(["tea", "cup"])
    assert catalogue.table.reads == [("#product#tea",), ("#product#cup",)]


def test_a_product_that_did_not_exist_is_read_again(catalogue: Catalogue) -> None:
    catalogue.products.find(["gin"])
    catalogue.put("gin", TEA, by=catalogue.another_process())
    assert "gin" in catalogue.products.find(["gin"])


def test_putting_a_product_removes_it_from_the_cache(catalogue: Catalogue) -> None:
    assert catalogue.price() == 1250
    catalogue.put("tea", DEARER)
    assert catalogue.price() == 1300


def test_a_price_that_another_process_changed_is_found_when_the_cached_one_is_too_old(catalogue: Catalogue) -> None:
    assert catalogue.price() == 1250
    catalogue.put("tea", DEARER, by=catalogue.another_process())
    assert catalogue.price() == 1250
    catalogue.now += CACHE_SECONDS
    assert catalogue.price() == 1300


def test_a_product_that_is_shown_is_always_read(catalogue: Catalogue) -> None:
    catalogue.products.find(["tea"])
    assert catalogue.products.read("tea") == Product("tea", "Tea", Money(1250, "EUR"))
    assert catalogue.products.read("gin") is None
    assert len(catalogue.table.reads) == 3


# Changes


def test_a_new_product_is_announced_with_its_name_and_price(catalogue: Catalogue) -> None:
    (event,) = catalogue.announced()
    assert (event.type, event.subject, event.correlationid) == ("ProductListed", "tea:2026-01", "request-1")
    assert event.data == {"name": "Tea", "price": {"amount": 1250, "currency": "EUR"}}


def test_another_price_and_another_name_are_announced(catalogue: Catalogue) -> None:
    assert catalogue.put("tea", DEARER) == Product("tea", "Tea", Money(1300, "EUR"))
    assert catalogue.put("tea", RENAMED) == Product("tea", "Assam tea", Money(1300, "EUR"))
    assert [event.type for event in catalogue.announced()] == ["ProductListed", "PriceChanged", "ProductListed"]
    assert catalogue.price() == 1300


def test_a_repeated_change_is_neither_written_nor_announced_again(catalogue: Catalogue) -> None:
    assert catalogue.put("tea", DEARER) == catalogue.put("tea", DEARER)
    assert len(catalogue.announced()) == 2
    assert len(catalogue.table.commits) == 1


def test_a_change_is_one_transaction_of_the_product_and_its_month_after_one_read(catalogue: Catalogue) -> None:
    catalogue.put("tea", DEARER)
    ((writes, increments),) = catalogue.table.commits
    assert {write.key: write.entity.announces for write in writes} == {"tea:2026-01": True, "#product#tea": False}
    assert (increments, len(catalogue.table.reads)) == ((), 1)


def test_each_month_has_a_separate_entity_that_is_in_no_list(catalogue: Catalogue) -> None:
    catalogue.clock.advance(seconds=24 * 3600)
    catalogue.put("tea", DEARER)
    assert [event.id for event in catalogue.announced("tea:2026-02")] == ["orders/tea:2026-02/1"]
    assert len(catalogue.announced()) == 1
    listed = {key for key, stored in catalogue.table.entities.items() if stored.attributes}
    assert listed == {"#product#tea", "#product#cup"}


def test_a_change_by_a_process_whose_clock_is_late_is_later_than_the_one_before(catalogue: Catalogue) -> None:
    catalogue.clock.advance(seconds=24 * 3600)
    catalogue.put("tea", DEARER)
    catalogue.clock.advance(seconds=-24 * 3600)
    catalogue.put("tea", TEA)
    (first,), (_, second) = catalogue.announced("tea:2026-02"), catalogue.announced()
    assert (first.data["price"]["amount"], second.data["price"]["amount"]) == (1300, 1250)
    assert second.millis == first.millis + 1


def test_the_time_of_the_last_change_is_stored_with_the_product_and_its_month(catalogue: Catalogue) -> None:
    catalogue.put("tea", DEARER)
    due = Entry("Tea", Money(1300, "EUR"), catalogue.announced()[-1].millis)
    assert catalogue.month().state == catalogue.month(product_key("tea")).state == due


def test_a_change_that_loses_to_another_one_is_decided_again(catalogue: Catalogue) -> None:
    catalogue.table.commit_faults.next(preceded_by(lambda: catalogue.put("tea", RENAMED)))
    catalogue.put("tea", DEARER)
    assert [event.data.get("name") for event in catalogue.announced()] == ["Tea", "Assam tea", "Tea"]
    assert catalogue.products.read("tea") == Product("tea", "Tea", Money(1300, "EUR"))


def test_a_change_whose_answer_was_lost_is_found_again(catalogue: Catalogue) -> None:
    catalogue.table.commit_faults.next(duplicate_request)
    catalogue.put("tea", DEARER)
    assert len(catalogue.announced()) == 2


def test_a_change_waits_for_another_transaction_and_gives_up_after_many_attempts(catalogue: Catalogue) -> None:
    catalogue.table.commit_faults.next(transaction_conflict)
    catalogue.put("tea", DEARER)
    assert catalogue.pauses == [0]
    for _ in range(MAX_ATTEMPTS):
        catalogue.table.commit_faults.next(transaction_conflict)
    with pytest.raises(ContentionError):
        catalogue.put("tea", TEA)


def test_what_is_announced_depends_on_what_changes() -> None:
    tea, price = Entry("Tea", Money(1250, "EUR"), changed=5), Money(1300, "EUR")
    assert change(None, "Tea", price, 9) == (Entry("Tea", price, 9), ProductListed(name="Tea", price=price))
    assert change(tea, "Tea", tea.price, 9) is None
    assert change(tea, "Tea", price, 9) == (Entry("Tea", price, 9), PriceChanged(price=price))
    assert change(tea, "Cha", price, 5) == (Entry("Cha", price, 6), ProductListed(name="Cha", price=price))
