"""The API's answers: repeated requests, ownership, and refusals, which store nothing."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.values.order import is_order_id
from contracts.warehouse.order_dispatched import OrderDispatched
from tests.integration.facts import fact
from tests.integration.shop import ADDRESS, Shop

UPPER_CASE = "B7AD6B71-6920-4333-9C31-8448EB211C80"


def lines(count: int) -> list[dict[str, Any]]:
    return [{"sku": f"sku-{n}", "quantity": 1} for n in range(count)]


def stored(shop: Shop) -> int:
    """Return the number of stored orders."""
    return sum(is_order_id(item["pk"]["S"]) for item in shop.cloud.items(shop.cloud.table("orders")))


def test_a_placed_order_is_accepted_with_the_shops_prices_and_its_location(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    shop.stock("pen", 10, price=199)
    answer = shop.post(shop.order(("mug", 2), ("pen", 3)))
    assert answer.status == 202
    assert answer.headers["location"] == f"orders/{answer.body['id']}"
    assert "idempotent-replayed" not in answer.headers
    assert answer.body["status"] == "PENDING"
    assert answer.body["total"] == {"amount": 2 * 1250 + 3 * 199, "currency": "EUR"}
    assert answer.body["waiting_for"] == ["payment", "stock"]
    assert answer.body["lines"] == [
        {"sku": "mug", "quantity": 2, "price": {"amount": 1250, "currency": "EUR"}},
        {"sku": "pen", "quantity": 3, "price": {"amount": 199, "currency": "EUR"}},
    ]


def test_the_same_key_and_request_get_the_first_answer_after_the_order_changed(shop: Shop) -> None:
    shop.stock("mug", 10, price=1000)
    body = shop.order(("mug", 2))
    first = shop.post(body, "key")
    shop.cloud.drain()
    shop.stock("mug", 10, price=9999)
    again = shop.post(body, "key")
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert stored(shop) == 1


def test_a_repeat_gets_the_first_answer_after_its_product_was_deleted(shop: Shop) -> None:
    shop.stock("mug", 10)
    first = shop.post(shop.order(("mug", 1)), "key")
    shop.cloud.dynamodb.delete_item(TableName=shop.cloud.table("orders"), Key={"pk": {"S": "#product#mug"}})
    forget_products(shop)
    again = shop.post(shop.order(("mug", 1)), "key")
    assert (again.status, again.body) == (202, first.body)
    assert shop.post(shop.order(("mug", 1)), "other").status == 422


def forget_products(shop: Shop) -> None:
    """Start a new process, which has no products in its cache."""
    shop.cloud.forget("orders", "api")


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"sku": "mug", "quantity": 2}]},
        {"lines": [{"sku": "gone", "quantity": 1}]},
        {"payment_method": "pm_card_declined"},
        {"address": ADDRESS | {"street": "2 Mill Lane"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_key_with_another_request_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    shop.stock("mug", 10)
    shop.post(shop.order(("mug", 1)), "key")
    answer = shop.post(shop.order(("mug", 1)) | change, "key")
    assert (answer.status, answer.body["field"]) == (422, "Idempotency-Key")
    assert stored(shop) == 1


def test_two_customers_may_use_the_same_key(shop: Shop) -> None:
    shop.stock("mug", 10)
    ids = {shop.post(shop.order(("mug", 1)), "key", caller=caller).body["id"] for caller in ("a", "b")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"lines": []}, 422, "lines"),
        ({"lines": lines(51)}, 422, "lines"),
        ({"lines": [{"sku": "mug", "quantity": 1}, {"sku": "mug", "quantity": 2}]}, 422, "lines[1].sku"),
        ({"lines": [{"sku": "mug", "quantity": 0}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": 1001}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": -1}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": 1.5}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": "1"}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": True}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug"}]}, 422, "lines[0].quantity"),
        ({"lines": [{"sku": "mug", "quantity": 1, "price": 1}]}, 422, "lines[0].price"),
        ({"lines": [{"sku": "no-such", "quantity": 1}]}, 422, "lines[0].sku"),
        ({"lines": [{"sku": "no such", "quantity": 1}]}, 422, "lines[0].sku"),
        ({"lines": [{"sku": "", "quantity": 1}]}, 422, "lines[0].sku"),
        ({"lines": "mug"}, 422, "lines"),
        ({"total": 1}, 422, "total"),
        ({"email": "stranger@example.com"}, 422, "email"),
        ({"address": {**ADDRESS, "name": "A\ufffe"}}, 422, "address.name"),
        # A gateway puts U+FFFD in the place of bytes that are not UTF-8.
        ({"address": {**ADDRESS, "city": "K\ufffdln"}}, 422, "address.city"),
        ({"address": {**ADDRESS, "street": "1 Mill\u0000 Lane"}}, 422, "address.street"),
        ({"payment_method": ""}, 422, "payment_method"),
        ({"payment_method": "x" * 65}, 422, "payment_method"),
        ({"address": {**ADDRESS, "planet": "Mars"}}, 422, "address.planet"),
        ({"address": {**ADDRESS, "country": "Belgium"}}, 422, "address.country"),
        ({"address": {**ADDRESS, "name": " "}}, 422, "address.name"),
        ({"address": {**ADDRESS, "city": "x" * 101}}, 422, "address.city"),
        ({"address": None}, 422, "address"),
    ],
)
def test_an_invalid_order_is_refused_with_its_field_and_stores_nothing(
    shop: Shop, change: dict[str, Any], status: int, field: str
) -> None:
    shop.stock("mug", 10)
    answer = shop.post(shop.order(("mug", 1)) | change)
    assert (answer.status, answer.body["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["status"] == status
    assert answer.body["detail"]
    assert stored(shop) == 0


@pytest.mark.parametrize("body", ["", "{", "nothing", "\ud800", '{"lines": [}', "[" * 5000])
def test_a_body_that_is_not_json_is_refused(shop: Shop, body: str) -> None:
    answer = shop.post(body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert stored(shop) == 0


def test_a_body_over_64_kib_is_refused(shop: Shop) -> None:
    shop.stock("mug", 10)
    answer = shop.post(json.dumps(shop.order(("mug", 1))) + " " * 65_536)
    assert answer.status == 413
    assert stored(shop) == 0


@pytest.mark.parametrize("key", [None, "", " ", "with space", "x" * 256, "tab\t", "é", "key,key", "key, key"])
def test_a_missing_or_malformed_idempotency_key_is_refused(shop: Shop, key: str | None) -> None:
    shop.stock("mug", 10)
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = shop.call("POST", "/orders", shop.order(("mug", 1)), headers=headers)
    assert (answer.status, answer.body["field"]) == (422, "Idempotency-Key")
    assert stored(shop) == 0


def test_the_longest_key_is_accepted(shop: Shop) -> None:
    shop.stock("mug", 10)
    assert shop.post(shop.order(("mug", 1)), "~" * 255).status == 202


def test_an_order_in_two_currencies_is_refused(shop: Shop) -> None:
    shop.stock("mug", 10)
    terms = {"name": "Pen", "price": {"amount": 100, "currency": "USD"}}
    shop.call("PUT", "/operators/products/pen", terms)
    answer = shop.post(shop.order(("mug", 1), ("pen", 1)))
    assert (answer.status, answer.body["field"]) == (422, "lines")


def test_an_order_of_a_caller_without_a_verified_address_is_refused(shop: Shop) -> None:
    shop.stock("mug", 10)
    answer = replace(shop, verified=False).post(shop.order(("mug", 1)))
    assert (answer.status, answer.body["title"]) == (403, "No verified address")
    assert stored(shop) == 0


def test_the_emails_of_an_order_go_to_the_callers_verified_address(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.place(("mug", 1))
    shop.cloud.drain()
    assert [mail.destinations["ToAddresses"] for mail in shop.cloud.mails()] == [["customer@example.com"]]


def test_an_order_that_costs_another_amount_than_expected_is_refused_with_that_amount(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    order = shop.order(("mug", 2), expected_total={"amount": 2000, "currency": "EUR"})
    answer = shop.post(order, "key")
    assert (answer.status, answer.body["field"]) == (409, "expected_total")
    assert answer.body["total"] == {"amount": 2500, "currency": "EUR"}
    assert "25.00 EUR" in answer.body["detail"]
    assert stored(shop) == 0
    assert shop.post(order | {"expected_total": answer.body["total"]}, "key").status == 202


def test_all_problems_with_an_order_are_listed(shop: Shop) -> None:
    shop.stock("pin", 10, price=1)
    order = shop.order(("pin", 1), ("gin", 1), ("pin", 2), method="cash")
    answer = shop.post(order)
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == ["lines[1].sku", "lines[2].sku", "payment_method"]
    assert stored(shop) == 0


@pytest.mark.parametrize("price", [1, 49])
def test_an_order_that_costs_less_than_the_gateway_takes_is_refused(shop: Shop, price: int) -> None:
    shop.stock("pin", 10, price=price)
    answer = shop.post(shop.order(("pin", 1)))
    assert (answer.status, answer.body["title"]) == (422, "Total too small")
    assert stored(shop) == 0


def test_a_price_in_a_currency_that_the_gateway_does_not_take_is_refused(shop: Shop) -> None:
    answer = shop.call("PUT", "/operators/products/mug", {"name": "Mug", "price": {"amount": 100, "currency": "CHF"}})
    assert (answer.status, answer.body["field"]) == (422, "price.currency")
    assert shop.call("GET", "/products/mug", caller=None).status == 404


def test_an_order_above_the_maximum_amount_is_refused(shop: Shop) -> None:
    for sku in ("gold", "gems"):
        shop.stock(sku, 1000, price=10**9)
    answer = shop.post(shop.order(("gold", 1000), ("gems", 1000)))
    assert (answer.status, answer.body["field"]) == (422, "lines")
    assert stored(shop) == 0


def test_a_pending_order_shows_what_it_waits_for_and_when_to_ask_again(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    pending = shop.call("GET", f"/orders/{order}")
    assert (pending.body["status"], pending.headers["retry-after"]) == ("PENDING", "1")
    shop.cloud.drain(without=("payment",))
    assert shop.show(order)["waiting_for"] == ["payment"]
    shop.cloud.drain()
    confirmed = shop.call("GET", f"/orders/{order}")
    assert (confirmed.body["status"], confirmed.body["waiting_for"]) == ("CONFIRMED", [])
    assert "retry-after" not in confirmed.headers


@pytest.mark.parametrize("path", ["/orders/{}", "/orders/{}/timeline"])
def test_an_order_of_another_customer_does_not_exist(shop: Shop, path: str) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.drain()
    foreign = shop.call("GET", path.format(order), caller="customer-2")
    unknown = shop.call("GET", path.format("00000000-0000-0000-0000-000000000000"), caller="customer-2")
    assert (foreign.status, unknown.status) == (404, 404)
    assert (foreign.body, foreign.headers) == (unknown.body, unknown.headers)
    assert shop.call("GET", "/operators" + path.format(order), caller="operator-1").status == 200


def test_an_order_of_another_customer_cannot_be_cancelled(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    assert shop.call("POST", f"/orders/{order}/cancellation", caller="customer-2").status == 404
    assert shop.show(order)["status"] == "PENDING"


@pytest.mark.parametrize("order", ["product#mug", "#product#mug", "x" * 3000, UPPER_CASE, f"{UPPER_CASE.lower()}\n"])
@pytest.mark.parametrize("path", ["/orders/{}", "/orders/{}/timeline"])
def test_an_invalid_order_id_is_refused_with_its_field(shop: Shop, path: str, order: str) -> None:
    answer = shop.call("GET", path.format(order))
    assert (answer.status, answer.body["field"]) == (422, "id")


@pytest.mark.parametrize("sku", ["x" * 3000, "mug\n", "mug%0a", " mug", "m\u00fcg"])
@pytest.mark.parametrize("path", ["/products/{}", "/operators/stock/{}", "/recommendations/{}"])
def test_an_invalid_sku_is_refused_with_its_field(shop: Shop, path: str, sku: str) -> None:
    shop.stock("mug", 10)
    answer = shop.call("GET", path.format(sku))
    assert (answer.status, answer.body["field"]) == (422, "sku")


def test_the_timeline_of_an_own_order_without_recorded_events_says_when_to_ask_again(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    answer = shop.call("GET", f"/orders/{order}/timeline")
    assert (answer.status, answer.headers["retry-after"]) == (404, "1")


def test_a_dispatched_order_cannot_be_cancelled(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.drain()
    shop.cloud.hand("orders", fact(order, OrderDispatched()))
    answer = shop.cancel(order)
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert shop.show(order)["status"] == "DISPATCHED"


def test_a_second_cancellation_changes_nothing_and_gets_the_first_answer(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    first, again = shop.cancel(order), shop.cancel(order)
    assert (first.status, again.status) == (202, 202)
    assert first.body == again.body
    assert (again.body["status"], again.body["reason"]) == ("CANCELLED", "customer")
    assert len(shop.cloud.item("orders", order)["outbox"]["L"]) == 2


def test_own_orders_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    shop.stock("mug", 100)
    placed = [shop.place(("mug", 1)) for _ in range(7)]
    shop.post(shop.order(("mug", 1)), caller="another")
    listed: list[str] = []
    query = {"limit": "3"}
    pages = 0
    while True:
        page = shop.call("GET", "/orders", query=query).body
        listed += [item["id"] for item in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert listed == placed[::-1]
    assert pages == 3


def test_a_list_that_fills_its_last_page_has_no_further_page(shop: Shop) -> None:
    for sku in ("a", "b", "c", "d"):
        shop.stock(sku, 1)
    full = shop.call("GET", "/products", query={"limit": "4"}).body
    assert ([item["sku"] for item in full["items"]], full["next"]) == (["a", "b", "c", "d"], None)
    first = shop.call("GET", "/products", query={"limit": "2"}).body
    second = shop.call("GET", "/products", query={"limit": "2", "cursor": first["next"]}).body
    assert ([item["sku"] for item in second["items"]], second["next"]) == (["c", "d"], None)


def test_a_list_shows_each_orders_current_status(shop: Shop) -> None:
    shop.stock("mug", 100)
    order = shop.place(("mug", 1))
    shop.cloud.drain()
    (item,) = shop.call("GET", "/orders").body["items"]
    shown = shop.show(order)
    assert item == {name: shown[name] for name in ("id", "status", "total", "created_at")}


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"limit": "05"}, "limit"),
        ({"limit": "1,2"}, "limit"),
        ({"cursor": "!"}, "cursor"),
        ({"cursor": "bm90IG9uZQ=="}, "cursor"),
        ({"cursor": cursor('["a","b","c"]')}, "cursor"),
        ({"cursor": cursor(r'["\ud800","b","c"]')}, "cursor"),
        ({"cursor": "A" * 2201}, "cursor"),
    ],
)
def test_a_malformed_page_is_refused(shop: Shop, query: dict[str, str], field: str) -> None:
    for path in ("/orders", "/products"):
        answer = shop.call("GET", path, query=query)
        assert (answer.status, answer.body["field"]) == (422, field)


def test_anyone_may_read_the_products(shop: Shop) -> None:
    shop.stock("mug", 1, price=1250)
    shop.stock("cup", 1, price=800)
    assert [item["sku"] for item in shop.call("GET", "/products", caller=None).body["items"]] == ["cup", "mug"]
    assert shop.call("GET", "/products/mug", caller=None).body == {
        "sku": "mug",
        "name": "Product mug",
        "price": {"amount": 1250, "currency": "EUR"},
    }
    assert shop.call("GET", "/products/none", caller=None).status == 404


def test_an_operators_cancellation_is_told_from_the_customers(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    answer = shop.call("POST", f"/operators/orders/{order}/cancellation", caller="operator-1")
    assert (answer.status, answer.body["status"], answer.body["reason"]) == (202, "CANCELLED", "operator")
    assert shop.show(order)["reason"] == "operator"


@pytest.mark.parametrize("suffix", ["", "/timeline", "/cancellation"])
def test_an_order_that_was_never_placed_does_not_exist_for_operators(shop: Shop, suffix: str) -> None:
    path = f"/operators/orders/00000000-0000-0000-0000-000000000000{suffix}"
    assert shop.call("POST" if suffix == "/cancellation" else "GET", path).status == 404


def test_an_operator_sees_the_points_of_a_customer(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    shop.place(("mug", 2))
    shop.cloud.drain()
    own = shop.call("GET", "/loyalty").body
    assert own["balance"] == 25
    assert shop.call("GET", "/operators/customers/customer-1/loyalty", caller="operator-1").body == own
    assert shop.call("GET", "/operators/customers/nobody/loyalty", caller="operator-1").body["balance"] == 0


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/operators/products/mug", {"name": "", "price": {"amount": 1, "currency": "EUR"}}, "name"),
        ("/operators/products/mug", {"name": "evil.example", "price": {"amount": 1, "currency": "EUR"}}, "name"),
        ("/operators/products/mug", {"name": "Mug", "price": {"amount": -1, "currency": "EUR"}}, "price.amount"),
        ("/operators/products/mug", {"name": "Mug", "price": {"amount": 1, "currency": "euro"}}, "price.currency"),
        ("/operators/products/mug", {"name": "Mug", "price": {"amount": 1, "currency": "XXX"}}, "price.currency"),
        ("/operators/products/mug", {"name": "Mug"}, "price"),
        ("/operators/products/.mug", {"name": "Mug", "price": {"amount": 1, "currency": "EUR"}}, "sku"),
        ("/operators/stock/mug", {"on_hand": -1}, "on_hand"),
        ("/operators/stock/mug", {"on_hand": "1"}, "on_hand"),
        ("/operators/stock/mug", {}, "on_hand"),
        ("/operators/stock/-mug", {"on_hand": 1}, "sku"),
    ],
)
def test_invalid_products_and_stock_are_refused_with_their_field(
    shop: Shop, path: str, body: dict[str, Any], field: str
) -> None:
    answer = shop.call("PUT", path, body)
    assert (answer.status, answer.body["field"]) == (422, field)


def test_stock_cannot_be_set_below_the_reserved_units(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.place(("mug", 4))
    shop.cloud.drain()
    answer = shop.call("PUT", "/operators/stock/mug", {"on_hand": 3})
    assert (answer.status, answer.body["field"]) == (422, "on_hand")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 4, "available": 6}
    assert shop.call("PUT", "/operators/stock/mug", {"on_hand": 4}).body["available"] == 0


def test_an_operator_sees_what_was_changed_of_a_product_page_by_page(shop: Shop) -> None:
    shop.stock("mug", 10)
    for price in (1100, 1200):
        terms = {"name": "Product mug", "price": {"amount": price, "currency": "EUR"}}
        assert shop.call("PUT", "/operators/products/mug", terms).status == 200
    assert shop.call("PUT", "/operators/stock/mug", {"on_hand": 7}).status == 200
    shop.stock("pen", 1)
    shop.cloud.drain()
    path = "/operators/products/mug/timeline"
    first = shop.call("GET", path, query={"limit": "3"}).body
    second = shop.call("GET", path, query={"limit": "3", "cursor": first["next"]}).body
    assert (first["sku"], second["next"]) == ("mug", None)
    changes = [(event["type"], event["data"]) for event in (*first["events"], *second["events"])]
    prices = [{"amount": amount, "currency": "EUR"} for amount in (1000, 1100, 1200)]
    assert sorted(changes, key=str) == sorted(
        [
            ("ProductListed", {"name": "Product mug", "price": prices[0]}),
            ("PriceChanged", {"price": prices[1]}),
            ("PriceChanged", {"price": prices[2]}),
            ("StockAdjusted", {"difference": 10, "on_hand": 10}),
            ("StockAdjusted", {"difference": -3, "on_hand": 7}),
        ],
        key=str,
    )
    assert changes[-1][0] == "ProductListed"
    assert shop.call("GET", "/operators/products/jar/timeline").body == {"sku": "jar", "events": [], "next": None}
    assert shop.call("GET", path, query={"cursor": f"{first['next']}x"}).status == 422
