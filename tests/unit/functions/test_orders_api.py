import base64
import json
from collections.abc import Callable
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
import pytest
from msgspec import Raw

from contracts.inventory.stock_reserved import StockReserved
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.money import Money
from contracts.values.recipient import Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.orders.api import Api, OrderView, order_id
from functions.orders.catalogue import Product, product_key
from functions.orders.handlers import placed
from functions.orders.pricing import PaymentTerms, TotalRange
from functions.orders.products import Price, Products, ProductTerms
from functions.orders.requests import AddressRequest, ExpectedTotal, LineRequest, OrderRequest
from functions.orders.service import service
from tests.unit.facts import fact
from tests.unit.functions.dynamodb_client import StubDynamoDBClient
from tidings.aws.dynamodb import to_attributes
from tidings.core.contract import Contract
from tidings.core.event import decode, read_personal
from tidings.http.pagination import Pages
from tidings.http.problems import Problem
from tidings.http.requests import Reply, Request
from tidings.testing import MemoryTable, duplicate_request, given, make_request, preceded_by

TERMS = PaymentTerms(("pm_*",), {"EUR": TotalRange(50, 1_000_000), "JPY": TotalRange(50, 1_000_000)})
ADDRESS = AddressRequest("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
CACHE_SECONDS = 60
AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=Money(2999, "EUR"))


def body(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "lines": (LineRequest("tea", 2), LineRequest("cup", 1)),
        "payment_method": "pm_card_visa",
        "address": ADDRESS,
    }
    return OrderRequest(**(fields | changes))


class OrdersApi:
    """The API of orders over tables in memory, with tea for 12.50 and a cup for 4.99."""

    def __init__(self) -> None:
        self.scenario = given(service)
        self.table = self.scenario.table
        self.client = StubDynamoDBClient()
        self.now = 0.0
        self.goods = MemoryTable()
        self.products = Products(self.goods, CACHE_SECONDS, lambda: self.now)
        pages = Pages(cast(Any, self.client), "orders", "index")
        self.api = Api(self.scenario.executor, pages, self.products, TERMS)
        self.price("tea", 1250)
        self.price("cup", 499)
        self.goods.reads.clear()
        self._requests = 0

    def price(self, sku: str, amount: int, currency: str = "EUR") -> None:
        self._put(self.products, sku, Price(amount, currency))

    def _put(self, products: Products, sku: str, price: Price) -> None:
        products.put(sku, ProductTerms(sku.title(), price), make_request().metadata(self.scenario.clock.now))
        stored = self.goods.entities[product_key(sku)]
        self.client.items[stored.key] = cast("dict[str, Any]", to_attributes(stored))

    def request(
        self,
        order: str = "",
        *,
        caller: str = "customer-1",
        email: str = "customer@example.com",
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
    ) -> Request:
        self._requests += 1
        return make_request(
            {"id": order},
            query=query,
            headers=headers,
            caller=caller,
            email=email,
            correlation_id=f"request-{self._requests}",
        )

    def place(
        self,
        order: OrderRequest | None = None,
        *,
        key: str = "key-1",
        caller: str = "customer-1",
        email: str = "customer@example.com",
    ) -> Reply:
        request = self.request(caller=caller, email=email, headers={"Idempotency-Key": key})
        return self.api.place(request, order or body())

    def change_price_elsewhere(self, sku: str, amount: int) -> None:
        """Set a price by another process, of which this one knows nothing."""
        self._put(Products(self.goods, 0), sku, Price(amount, "EUR"))

    def placed(self) -> str:
        return view(self.place()).id

    def handle(self, order: str, data: Contract, n: int = 1) -> None:
        self.scenario.given(fact(data, order=order, n=n))

    def show(self, order: str, *, caller: str = "customer-1") -> Reply:
        return self.api.show(self.request(order, caller=caller))


def view(reply: Reply) -> OrderView:
    assert isinstance(reply.body, OrderView)
    return reply.body


def refusal(action: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        action()
    return raised.value


@pytest.fixture
def shop() -> OrdersApi:
    return OrdersApi()


# Ids


def test_a_customers_key_always_identifies_the_same_order() -> None:
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


def test_an_order_has_the_shops_prices(shop: OrdersApi) -> None:
    order = view(shop.place())
    assert order.status == "PENDING"
    assert order.total == Money(2 * 1250 + 499, "EUR")
    assert [line.price.amount for line in order.lines] == [1250, 499]
    assert order.waiting_for == ("payment", "stock")


def test_placing_takes_one_write_and_no_read(shop: OrdersApi) -> None:
    reply = shop.place()
    assert (shop.table.reads, len(shop.table.commits)) == ([], 1)
    assert reply.headers == {"Location": f"orders/{view(reply).id}"}


def test_a_write_whose_answer_was_lost_is_no_repeat(shop: OrdersApi) -> None:
    shop.table.commit_faults.next(duplicate_request)
    assert "Idempotent-Replayed" not in shop.place().headers
    assert len(shop.table.commits) == 1


def test_a_repeat_gets_the_first_answer(shop: OrdersApi) -> None:
    first, repeat = shop.place(), shop.place()
    assert repeat.body == first.body
    assert repeat.headers == {**first.headers, "Idempotent-Replayed": "true"}
    assert len(shop.table.commits) == 1


def test_two_concurrent_requests_place_one_order(shop: OrdersApi) -> None:
    replies: list[Reply] = []
    shop.table.commit_faults.next(preceded_by(lambda: replies.append(shop.place())))
    replies.append(shop.place())
    assert replies[0].body == replies[1].body
    assert ["Idempotent-Replayed" in reply.headers for reply in replies] == [False, True]


def test_a_repeat_gets_the_first_answer_even_if_the_order_and_the_products_changed(shop: OrdersApi) -> None:
    first = shop.place()
    shop.handle(view(first).id, PaymentFailed(amount=Money(2999, "EUR"), code="card_declined"))
    shop.price("tea", 9999)
    assert shop.place().body == first.body
    del shop.goods.entities["#product#cup"]
    shop.now += CACHE_SECONDS
    assert shop.place().body == first.body


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": (LineRequest("tea", 2),)},
        {"lines": (LineRequest("cup", 1), LineRequest("tea", 2))},
        {"lines": (LineRequest("tea", 3), LineRequest("cup", 1))},
        {"lines": (LineRequest("gin", 1),)},
        {"payment_method": "pm_card_declined"},
        {"address": AddressRequest("A. Customer", "2 Mill Lane", "Ghent", "9000", "BE")},
    ],
)
def test_another_request_under_the_same_key_is_refused_and_learns_which_order_has_it(
    shop: OrdersApi, changes: dict[str, Any]
) -> None:
    order = shop.placed()
    problem = refusal(lambda: shop.place(body(**changes)))
    assert (problem.rule.status, problem.field, problem.members) == (422, "Idempotency-Key", {"order": order})
    assert len(shop.table.commits) == 1


def test_a_refused_request_leaves_its_key_to_any_other(shop: OrdersApi) -> None:
    assert refusal(lambda: shop.place(body(lines=(LineRequest("gin", 1),)))).rule.title == "Unknown SKU"
    first = shop.place()
    assert "Idempotent-Replayed" not in first.headers
    assert len(shop.table.commits) == 1


def test_a_repeat_may_decompose_the_characters_of_the_address(shop: OrdersApi) -> None:
    first = shop.place(body(address=AddressRequest("J\u00fcrgen", "1 Mill Lane", "K\u00f6ln", "50667", "DE")))
    repeat = shop.place(body(address=AddressRequest("Ju\u0308rgen", "1 Mill Lane", "Ko\u0308ln", "50667", "DE")))
    assert repeat.headers == {**first.headers, "Idempotent-Replayed": "true"}


def test_an_order_has_the_callers_verified_address(shop: OrdersApi) -> None:
    order = view(shop.place(email="ada@example.com")).id
    recipient = read_personal(placed(shop.scenario.entity(order)), Recipient)
    assert recipient
    assert recipient.email == "ada@example.com"


@pytest.mark.parametrize("email", ["", "another@example.com", "m\u00fcller@example.com"])
def test_a_repeat_gets_the_first_answer_even_if_the_callers_address_changed(shop: OrdersApi, email: str) -> None:
    first, repeat = shop.place(), shop.place(email=email)
    assert (repeat.body, repeat.headers["Idempotent-Replayed"]) == (first.body, "true")
    assert len(shop.table.commits) == 1


def test_a_repeat_after_the_erasure_gets_the_first_answer_whatever_its_address(shop: OrdersApi) -> None:
    first = shop.place()
    shop.handle(view(first).id, PersonalDataErased(reason="customer"))
    moved = AddressRequest("A. Customer", "2 Mill Lane", "Ghent", "9000", "BE")
    for repeat in (shop.place(), shop.place(body(address=moved)), shop.place(email="")):
        assert (repeat.body, repeat.headers["Idempotent-Replayed"]) == (first.body, "true")


@pytest.mark.parametrize("changes", [{"lines": (LineRequest("tea", 2),)}, {"payment_method": "pm_card_declined"}])
def test_after_the_erasure_the_rest_of_a_repeat_is_compared(shop: OrdersApi, changes: dict[str, Any]) -> None:
    shop.handle(view(shop.place()).id, PersonalDataErased(reason="customer"))
    problem = refusal(lambda: shop.place(body(**changes)))
    assert (problem.rule.status, problem.field) == (422, "Idempotency-Key")


def test_an_erased_order_is_shown_and_one_that_was_never_placed_is_not(shop: OrdersApi) -> None:
    order = shop.placed()
    shop.handle(order, PersonalDataErased(reason="customer"))
    assert view(shop.show(order)).status == "PENDING"
    unknown = order_id("customer-1", "never used")
    shop.handle(unknown, PersonalDataErased(reason="customer"))
    assert refusal(lambda: shop.show(unknown)).rule.status == 404


# An agreed price


def expecting(amount: int) -> OrderRequest:
    return body(expected_total=ExpectedTotal(amount, "EUR"))


def test_an_order_that_costs_what_the_customer_agreed_to_is_placed_without_a_read(shop: OrdersApi) -> None:
    assert view(shop.place(expecting(2999))).total == Money(2999, "EUR")
    assert (shop.table.reads, shop.goods.reads) == ([], [("#product#tea", "#product#cup")])


def test_an_order_that_costs_another_amount_is_refused_with_that_amount_and_may_then_be_placed(shop: OrdersApi) -> None:
    problem = refusal(lambda: shop.place(expecting(1000)))
    assert (problem.rule.status, problem.field) == (409, "expected_total")
    assert problem.members == {"total": Money(2999, "EUR")}
    assert not shop.table.commits
    assert view(shop.place(expecting(problem.members["total"].amount))).status == "PENDING"


def test_an_order_is_refused_by_the_prices_of_now_and_not_by_cached_ones(shop: OrdersApi) -> None:
    shop.place(key="fills the cache")
    shop.change_price_elsewhere("tea", 1300)
    assert view(shop.place(expecting(2 * 1300 + 499))).total == Money(3099, "EUR")
    assert view(shop.place(key="another")).total == Money(3099, "EUR")


@pytest.mark.parametrize("repeated", [body(), expecting(2999), expecting(1), expecting(9999 * 2 + 499)])
def test_a_repeat_gets_the_first_answer_whatever_total_it_expects(shop: OrdersApi, repeated: OrderRequest) -> None:
    first = shop.place(expecting(2999))
    shop.price("tea", 9999)
    repeat = shop.place(repeated)
    assert (repeat.body, repeat.headers["Idempotent-Replayed"]) == (first.body, "true")
    assert len(shop.table.commits) == 1


def test_another_customer_may_use_the_same_key(shop: OrdersApi) -> None:
    assert view(shop.place(caller="customer-1")).id != view(shop.place(caller="customer-2")).id


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ((LineRequest("tea", 1), LineRequest("gin", 1)), "lines[1].sku"),
        ((LineRequest("tea", 1), LineRequest("cup", 1), LineRequest("tea", 2)), "lines[2].sku"),
        ((LineRequest("tea", 1), LineRequest("kimono", 1)), "lines"),
    ],
    ids=["unknown", "twice", "two currencies"],
)
def test_the_problem_names_lines_that_cannot_be_sold_and_nothing_is_stored(
    shop: OrdersApi, lines: tuple[LineRequest, ...], field: str
) -> None:
    shop.price("kimono", 50_000, "JPY")
    problem = refusal(lambda: shop.place(body(lines=lines)))
    assert (problem.rule.status, problem.field) == (422, field)
    assert not shop.table.commits


# Showing and cancelling


def test_an_order_shows_what_it_is_waiting_for(shop: OrdersApi) -> None:
    order = shop.placed()
    assert shop.show(order).headers["Retry-After"]
    shop.handle(order, AUTHORIZED)
    assert view(shop.show(order)).waiting_for == ("stock",)
    shop.handle(order, StockReserved(lines=()))
    confirmed = shop.show(order)
    assert (view(confirmed).status, view(confirmed).waiting_for, confirmed.headers) == ("CONFIRMED", (), {})


def test_an_order_shows_that_it_waits_for_its_customers_approval(shop: OrdersApi) -> None:
    order = shop.placed()
    shop.handle(order, PaymentActionRequired(payment="pay_1", amount=AUTHORIZED.amount))
    assert view(shop.show(order)).waiting_for == ("approval", "stock")
    assert shop.show(order).headers["Retry-After"]


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_an_order_shows_its_dispute_and_how_it_ended(shop: OrdersApi, outcome: Literal["won", "lost"]) -> None:
    order, amount = shop.placed(), AUTHORIZED.amount
    assert "dispute" not in json.loads(msgspec.json.encode(view(shop.show(order))))
    shop.handle(order, PaymentDisputed(payment="pay_1", dispute="dp_1", amount=amount, reason="fraudulent"))
    assert view(shop.show(order)).dispute == "open"
    shop.handle(order, DisputeClosed(payment="pay_1", dispute="dp_1", amount=amount, outcome=outcome), n=2)
    assert view(shop.show(order)).dispute == outcome
    assert view(shop.api.show_any(shop.request(order, caller="operator-1"))).dispute == outcome


def test_a_cancelled_order_shows_why(shop: OrdersApi) -> None:
    order = shop.placed()
    shop.handle(order, PaymentFailed(amount=Money(2999, "EUR"), code="card_declined"))
    assert view(shop.show(order)).reason == "payment_failed"


@pytest.mark.parametrize("path", ["cancel", "show"])
def test_another_customers_order_does_not_exist(shop: OrdersApi, path: str) -> None:
    order = shop.placed()
    ask = getattr(shop.api, path)
    existing = refusal(lambda: ask(shop.request(order, caller="customer-2")))
    missing = refusal(lambda: ask(shop.request(order_id("customer-2", "none"), caller="customer-2")))
    assert existing.rule.status == 404
    assert str(existing) == str(missing)
    assert view(shop.show(order)).status == "PENDING"


def test_an_operator_sees_any_order(shop: OrdersApi) -> None:
    assert view(shop.api.show_any(shop.request(shop.placed(), caller="operator-1"))).status == "PENDING"


@pytest.mark.parametrize("path", ["cancel_any", "show_any"])
def test_an_order_that_was_never_placed_does_not_exist_for_operators(shop: OrdersApi, path: str) -> None:
    ask = getattr(shop.api, path)
    assert refusal(lambda: ask(shop.request(order_id("customer-2", "none"), caller="operator-1"))).rule.status == 404


def test_an_operators_cancellation_says_that_an_operator_asked_for_it(shop: OrdersApi) -> None:
    order = shop.placed()
    answer = shop.api.cancel_any(shop.request(order, caller="operator-1"))
    assert (answer.status, answer.reason) == ("CANCELLED", "operator")


def test_a_customer_cancels_an_order_once(shop: OrdersApi) -> None:
    order = shop.placed()
    for _ in range(2):
        answer = shop.api.cancel(shop.request(order))
        assert (answer.status, answer.reason) == ("CANCELLED", "customer")
    assert len(shop.table.commits) == 2


def test_a_dispatched_order_cannot_be_cancelled(shop: OrdersApi) -> None:
    order = shop.placed()
    shop.handle(order, OrderDispatched())
    assert refusal(lambda: shop.api.cancel(shop.request(order))).rule.status == 409


# Products


def test_a_product_in_a_currency_that_the_shop_does_not_take_is_refused(shop: OrdersApi) -> None:
    request = make_request({"sku": "tea"}, caller="operator-1")
    problem = refusal(lambda: shop.api.put_product(request, ProductTerms("Tea", Price(1300, "USD"))))
    assert (problem.rule.title, problem.field) == ("Currency not accepted", "price.currency")
    assert problem.detail == "The shop takes no USD, but EUR, JPY."
    assert shop.products.refresh(["tea"])["tea"].price == Money(1250, "EUR")


def test_a_price_that_an_operator_sets_is_announced_with_the_requests_metadata(shop: OrdersApi) -> None:
    request = make_request({"sku": "tea"}, caller="operator-1", correlation_id="request-9")
    answer = shop.api.put_product(request, ProductTerms("Tea", Price(1300, "EUR")))
    assert answer == Product("tea", "Tea", Money(1300, "EUR"))
    event = decode(shop.goods.entities["tea:2026-01"].outbox[-1])
    assert (event.type, event.correlationid) == ("PriceChanged", "request-9")


# Lists


def test_pages_follow_each_other_without_gaps(shop: OrdersApi) -> None:
    skus = sorted(["tea", "cup", *(f"item-{n}" for n in range(5))])
    for sku in skus:
        shop.price(sku, 100)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = shop.api.list_products(shop.request(query=query))
        seen += [product.sku for product in page.items]
        if page.next is None:
            break
        query["cursor"] = page.next
    assert seen == skus


@pytest.mark.parametrize(("limit", "pages"), [(1, 7), (3, 3), (6, 2), (7, 1), (8, 1)])
def test_the_last_page_has_no_next_page(shop: OrdersApi, limit: int, pages: int) -> None:
    for n in range(5):
        shop.price(f"item-{n}", 100)
    query: dict[str, Any] = {"limit": limit}
    sizes = []
    while True:
        page = shop.api.list_products(shop.request(query=query))
        sizes.append(len(page.items))
        if page.next is None:
            break
        query["cursor"] = page.next
    assert (len(sizes), sum(sizes)) == (pages, 7)


def test_a_page_that_dynamodb_cut_short_has_a_next_page(shop: OrdersApi) -> None:
    shop.client.max_page = 1
    first = shop.api.list_products(shop.request())
    second = shop.api.list_products(shop.request(query={"cursor": first.next}))
    assert [item.sku for item in (*first.items, *second.items)] == ["cup", "tea"]


def test_without_a_limit_twenty_products_are_shown(shop: OrdersApi) -> None:
    for n in range(30):
        shop.price(f"item-{n}", 100)
    assert len(shop.api.list_products(shop.request()).items) == 20


def cursor(content: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


def text_of(mark: str, key: str, rank: str) -> str:
    return f'["{mark}","{key}","{rank}"]'


FORGERIES: tuple[Callable[[str, str, str], str], ...] = (
    *(lambda *_: "x", lambda *_: "é", lambda *_: "%%%", lambda *_: "AAAA", lambda *_: cursor({})),
    *(lambda mark, key, _: cursor([mark, key]), lambda mark, key, rank: cursor([mark, key, rank, rank])),
    *(lambda mark, *_: cursor([mark, 1, 2]), lambda mark, *_: cursor([mark, "", ""])),
    lambda mark, key, _: cursor([mark, key, "r" * 201]),
    lambda _, key, rank: cursor(["00000000", key, rank]),
    # The same texts, spaced or escaped in another way, and with other unused bits at the end.
    *(lambda *parts: cursor(parts) + "=", lambda *parts: cursor(parts) + "\n", lambda *parts: " " + cursor(parts)),
    lambda *parts: cursor(Raw(text_of(*parts).replace(",", ", ").encode())),
    lambda *parts: cursor(Raw(text_of(*parts).replace("c", r"\u0063").encode())),
    lambda *parts: cursor(Raw(text_of(*parts).replace("c", r"\ud800").encode())),
    *(lambda *parts: cursor(Raw(f"{text_of(*parts)}{{}}".encode())), lambda *_: cursor(Raw(b"[" * 1500))),
)


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_cursor_must_come_from_the_page_before(shop: OrdersApi, forge: Callable[[str, str, str], str]) -> None:
    following = shop.api.list_products(shop.request(query={"limit": 1})).next
    assert following
    mark, key, rank = msgspec.json.decode(base64.urlsafe_b64decode(following + "=="))
    assert cursor((mark, key, rank)) == following
    forged = forge(mark, key, rank)
    problem = refusal(lambda: shop.api.list_products(shop.request(query={"cursor": forged})))
    assert (problem.rule.status, problem.field) == (422, "cursor")


def test_a_list_refuses_the_cursor_of_another_list(shop: OrdersApi) -> None:
    following = shop.api.list_products(shop.request(query={"limit": 1})).next
    problem = refusal(lambda: shop.api.list_own(shop.request(query={"cursor": following})))
    assert (problem.rule.title, problem.field) == ("Unknown cursor", "cursor")


def test_an_operators_list_of_a_customers_orders_is_the_customers_own_list(shop: OrdersApi) -> None:
    for key in ("1", "2"):
        shop.api.place(shop.request(headers={"Idempotency-Key": key}), body())
    shop.client.items |= {
        key: cast("dict[str, Any]", to_attributes(stored)) for key, stored in shop.table.entities.items()
    }
    own = shop.api.list_own(shop.request(query={"limit": 1}))
    seen = shop.api.list_any(shop.request("customer-1", caller="operator-1", query={"limit": 1}))
    assert seen == own
    # So the cursor of the one is a cursor of the other, and of no other customer's list.
    rest = shop.api.list_any(shop.request("customer-1", caller="operator-1", query={"cursor": seen.next}))
    assert {each.id for each in (*seen.items, *rest.items)} == set(shop.table.entities)
    request = shop.request("customer-2", caller="operator-1", query={"cursor": seen.next})
    assert refusal(lambda: shop.api.list_any(request)).field == "cursor"
    assert shop.api.list_any(shop.request("customer-2", caller="operator-1")).items == ()
