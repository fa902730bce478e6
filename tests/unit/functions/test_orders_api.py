import base64
import json
from typing import Any, cast
from uuid import UUID

import pytest

from functions.orders.api import AddressRequest, Api, LineRequest, OrderRequest, OrderView, order_id
from functions.orders.products import Price, Products, ProductTerms
from functions.orders.service import service
from tests.unit.facts import NOON_MILLIS, TRACE, fact
from tests.unit.functions.shelf import Shelf
from tests.unit.memory import MemoryTable, comes_after, unacknowledged
from tidings.contracts import (
    Money,
    OrderDispatched,
    PaymentCaptured,
    PaymentFailed,
    StockReserved,
)
from tidings.pages import Pages
from tidings.reactor import Reactor
from tidings.routes import Caller, Problem, Reply, Request

ADDRESS = AddressRequest("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2999, "EUR"))


def body(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "lines": (LineRequest("tea", 2), LineRequest("cup", 1)),
        "payment_method": "pm_card_visa",
        "email": "customer@example.com",
        "address": ADDRESS,
    }
    return OrderRequest(**(fields | changes))


class Shop:
    """The API of orders over tables in memory, with tea for 12.50 and a cup for 4.99."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.shelf = Shelf()
        self.products = Products(cast(Any, self.shelf), "orders", 0)
        self.reactor = Reactor(service, self.table, clock=lambda: NOON_MILLIS, pause=lambda _: None)
        self.api = Api(self.reactor, Pages(cast(Any, self.shelf), "orders", "index"), self.products)
        self.price("tea", 1250)
        self.price("cup", 499)
        self._requests = 0

    def price(self, sku: str, amount: int, currency: str = "EUR") -> None:
        self.products.put(sku, ProductTerms(sku.title(), Price(amount, currency)))

    def request(
        self,
        order: str = "",
        *,
        caller: str = "customer-1",
        operator: bool = False,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Request:
        self._requests += 1
        who = Caller(caller, operator)
        return Request({"id": order}, query or {}, headers or {}, f"request-{self._requests}", TRACE, who)

    def place(self, order: OrderRequest | None = None, *, key: str = "key-1", caller: str = "customer-1") -> Reply:
        request = self.request(caller=caller, headers={"idempotency-key": key})
        return self.api.place(request, order or body())

    def placed(self) -> str:
        return view(self.place()).id

    def deliver(self, order: str, *facts: tuple[str, Any]) -> None:
        for source, data in facts:
            self.reactor.order(order).react(fact(data, source=source, order=order), 0)

    def show(self, order: str, *, caller: str = "customer-1", operator: bool = False) -> Reply:
        return self.api.show(self.request(order, caller=caller, operator=operator))


def view(reply: Reply) -> OrderView:
    assert isinstance(reply.body, OrderView)
    return reply.body


def refusal(action: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        action()
    return raised.value


@pytest.fixture
def shop() -> Shop:
    return Shop()


# Ids


def test_a_customers_key_always_names_the_same_order() -> None:
    assert order_id("customer-1", "key") == order_id("customer-1", "key")
    assert str(UUID(order_id("customer-1", "key"))) == order_id("customer-1", "key")


def test_orders_differ_by_customer_and_by_key() -> None:
    pairs = [
        ("customer-1", "key"),
        ("customer-2", "key"),
        ("customer-1", "other"),
        ("adak", "ey"),
        ("", "adakey"),
        ("key", "customer-1"),
    ]
    assert len({order_id(customer, key) for customer, key in pairs}) == len(pairs)


# Placing


def test_an_order_is_priced_by_the_shop(shop: Shop) -> None:
    order = view(shop.place())
    assert order.status == "PENDING"
    assert order.total == Money(2 * 1250 + 499, "EUR")
    assert [line.price.amount for line in order.lines] == [1250, 499]
    assert order.waiting_for == ("payment", "stock")


def test_placing_is_one_write_and_no_reading(shop: Shop) -> None:
    reply = shop.place()
    assert (shop.table.reads, len(shop.table.writes)) == (0, 1)
    assert reply.headers == {"Location": f"/orders/{view(reply).id}"}


def test_a_lost_acknowledgement_is_no_repeat(shop: Shop) -> None:
    shop.table.mishaps.append(unacknowledged)
    assert "Idempotent-Replayed" not in shop.place().headers
    assert len(shop.table.writes) == 1


def test_a_repeat_gets_the_first_answer(shop: Shop) -> None:
    first, repeat = shop.place(), shop.place()
    assert repeat.body == first.body
    assert repeat.headers == {**first.headers, "Idempotent-Replayed": "true"}
    assert len(shop.table.writes) == 1


def test_two_requests_at_once_place_one_order(shop: Shop) -> None:
    replies: list[Reply] = []
    shop.table.mishaps.append(comes_after(lambda: replies.append(shop.place())))
    replies.append(shop.place())
    assert replies[0].body == replies[1].body
    assert ["Idempotent-Replayed" in reply.headers for reply in replies] == [False, True]


def test_a_repeat_gets_the_first_answer_whatever_has_changed_since(shop: Shop) -> None:
    first = shop.place()
    shop.deliver(view(first).id, ("payment", PaymentFailed(code="card_declined")))
    shop.price("tea", 9999)
    assert shop.place().body == first.body
    del shop.shelf.items["product#cup"]
    assert shop.place().body == first.body


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": (LineRequest("tea", 2),)},
        {"lines": (LineRequest("cup", 1), LineRequest("tea", 2))},
        {"lines": (LineRequest("tea", 3), LineRequest("cup", 1))},
        {"lines": (LineRequest("gin", 1),)},
        {"payment_method": "pm_card_declined"},
        {"email": "another@example.com"},
        {"address": AddressRequest("A. Customer", "2 Mill Lane", "Ghent", "9000", "BE")},
    ],
)
def test_another_request_under_the_same_key_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    shop.place()
    problem = refusal(lambda: shop.place(body(**changes)))
    assert (problem.status, problem.field) == (422, "Idempotency-Key")
    assert len(shop.table.writes) == 1


def test_another_customer_may_use_the_same_key(shop: Shop) -> None:
    assert view(shop.place(caller="customer-1")).id != view(shop.place(caller="customer-2")).id


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 256, "key\n"])
def test_an_order_needs_a_visible_key(shop: Shop, key: str) -> None:
    problem = refusal(lambda: shop.place(key=key))
    assert (problem.status, problem.field) == (400, "Idempotency-Key")


def test_a_key_may_have_255_characters(shop: Shop) -> None:
    assert view(shop.place(key="~" * 255)).status == "PENDING"


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ((LineRequest("tea", 1), LineRequest("gin", 1)), "lines[1].sku"),
        ((LineRequest("tea", 1), LineRequest("cup", 1), LineRequest("tea", 2)), "lines[2].sku"),
        ((LineRequest("tea", 1), LineRequest("kimono", 1)), "lines"),
    ],
    ids=["unknown", "twice", "two currencies"],
)
def test_lines_that_cannot_be_sold_are_named_and_nothing_is_stored(
    shop: Shop, lines: tuple[LineRequest, ...], field: str
) -> None:
    shop.price("kimono", 50_000, "JPY")
    problem = refusal(lambda: shop.place(body(lines=lines)))
    assert (problem.status, problem.field) == (422, field)
    assert not shop.table.writes


# Showing and cancelling


def test_an_order_shows_what_it_waits_for(shop: Shop) -> None:
    order = shop.placed()
    assert shop.show(order).headers["Retry-After"]
    shop.deliver(order, ("payment", CAPTURED))
    assert view(shop.show(order)).waiting_for == ("stock",)
    shop.deliver(order, ("inventory", StockReserved(lines=())))
    confirmed = shop.show(order)
    assert (view(confirmed).status, view(confirmed).waiting_for, confirmed.headers) == ("CONFIRMED", (), {})


def test_a_cancelled_order_shows_why(shop: Shop) -> None:
    order = shop.placed()
    shop.deliver(order, ("payment", PaymentFailed(code="card_declined")))
    assert view(shop.show(order)).reason == "payment_failed"


@pytest.mark.parametrize("path", ["cancel", "show"])
def test_anothers_order_does_not_exist(shop: Shop, path: str) -> None:
    order = shop.placed()
    ask = getattr(shop.api, path)
    anothers = refusal(lambda: ask(shop.request(order, caller="customer-2")))
    nobodys = refusal(lambda: ask(shop.request(order_id("customer-2", "none"), caller="customer-2")))
    assert anothers.status == 404
    assert str(anothers) == str(nobodys)
    assert view(shop.show(order)).status == "PENDING"


def test_an_operator_sees_any_order(shop: Shop) -> None:
    assert view(shop.show(shop.placed(), caller="operator-1", operator=True)).status == "PENDING"


@pytest.mark.parametrize("order", ["", "1", "product#tea", "A" * 5000, "00000000-0000-0000-0000-00000000000G"])
def test_what_cannot_be_an_orders_id_is_not_looked_for(shop: Shop, order: str) -> None:
    assert refusal(lambda: shop.show(order)).status == 404
    assert shop.table.reads == 0


def test_a_customer_cancels_an_order_once(shop: Shop) -> None:
    order = shop.placed()
    for _ in range(2):
        answer = shop.api.cancel(shop.request(order))
        assert (answer.status, answer.reason) == ("CANCELLED", "customer")
    assert len(shop.table.writes) == 2


def test_what_is_dispatched_can_no_longer_be_cancelled(shop: Shop) -> None:
    order = shop.placed()
    shop.deliver(order, ("warehouse", OrderDispatched()))
    assert refusal(lambda: shop.api.cancel(shop.request(order))).status == 409


# Lists


def test_pages_follow_each_other_without_gaps(shop: Shop) -> None:
    skus = sorted(["tea", "cup", *(f"item-{n}" for n in range(5))])
    for sku in skus:
        shop.price(sku, 100)
    seen: list[str] = []
    query = {"limit": "3"}
    while True:
        page = shop.api.list_products(shop.request(query=query))
        seen += [product.sku for product in page.items]
        if page.next is None:
            break
        query["cursor"] = page.next
    assert seen == skus


def test_without_a_limit_twenty_are_shown(shop: Shop) -> None:
    for n in range(30):
        shop.price(f"item-{n}", 100)
    assert len(shop.api.list_products(shop.request()).items) == 20


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "ten", "٣", "9" * 5000])
def test_a_limit_is_a_whole_number_from_1_to_100(shop: Shop, limit: str) -> None:
    problem = refusal(lambda: shop.api.list_own(shop.request(query={"limit": limit})))
    assert (problem.status, problem.field) == (400, "limit")


def cursor(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "text",
    ["x", "é", "%%%", "AAAA", cursor({}), cursor(["one"]), cursor([1, 2]), cursor(["", ""]), cursor(["k", "r" * 5000])],
)
def test_a_cursor_is_what_the_page_before_said(shop: Shop, text: str) -> None:
    problem = refusal(lambda: shop.api.list_own(shop.request(query={"cursor": text})))
    assert (problem.status, problem.field) == (400, "cursor")
