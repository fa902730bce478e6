"""Refused requests: each answer has the status and names the field, and nothing is stored."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from contracts.values.order import is_order_id
from ops.orders import order_request
from tests.system.deployed import SECONDS, DeployedShop, User, problem_of
from tidings.recovery import wait_until

SERVICES = ("orders", "inventory")
"""The services to whose routes these tests send bad input."""


def valid_order(sku: str) -> dict[str, Any]:
    return order_request([(sku, 1)])


def post(customer: User, body: Mapping[str, Any], key: str | None = None) -> httpx.Response:
    return customer.http.post("/orders", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


@pytest.fixture
def nothing_is_stored(shop: DeployedShop, sku: str) -> Iterator[None]:  # noqa: ARG001 - adds the product first
    """Compare what requests stored before the test and after it.

    A request stores an order, a product or a stock. The rest, which events of earlier tests may still be storing, has
    an order's id as its key in inventory's table.
    """
    before = _stored_by_requests(shop)
    yield
    assert _stored_by_requests(shop) == before


def _stored_by_requests(shop: DeployedShop) -> set[str]:
    return {key for service in SERVICES for key in shop.keys(service) if service == "orders" or not is_order_id(key)}


ADDRESS = order_request([])["address"]
BAD_ORDERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no lines": ({"lines": []}, 422, "lines"),
    "51 lines": ({"lines": [{"sku": f"s-{n}", "quantity": 1} for n in range(51)]}, 422, "lines"),
    "a SKU twice": ({"lines": [{"sku": "SKU", "quantity": 1}] * 2}, 422, "lines[1].sku"),
    "an invalid SKU": ({"lines": [{"sku": "?", "quantity": 1}]}, 422, "lines[0].sku"),
    "an unknown SKU": ({"lines": [{"sku": "unknown", "quantity": 1}]}, 422, "lines[0].sku"),
    "a quantity of 0": ({"lines": [{"sku": "SKU", "quantity": 0}]}, 422, "lines[0].quantity"),
    "a quantity of 1001": ({"lines": [{"sku": "SKU", "quantity": 1001}]}, 422, "lines[0].quantity"),
    "a fractional quantity": ({"lines": [{"sku": "SKU", "quantity": 1.5}]}, 422, "lines[0].quantity"),
    "a quantity as text": ({"lines": [{"sku": "SKU", "quantity": "1"}]}, 422, "lines[0].quantity"),
    "no quantity": ({"lines": [{"sku": "SKU"}]}, 422, "lines[0].quantity"),
    "a price": ({"lines": [{"sku": "SKU", "quantity": 1, "price": 1}]}, 422, "lines[0].price"),
    "an unknown field": ({"discount": 10}, 422, "discount"),
    "an unknown field of the address": (
        {"address": ADDRESS | {"planet": "X"}},
        422,
        "address.planet",
    ),
    "an address without a city": (
        {"address": {name: text for name, text in ADDRESS.items() if name != "city"}},
        422,
        "address.city",
    ),
    "an invalid country": ({"address": ADDRESS | {"country": "gb"}}, 422, "address.country"),
    "an e-mail address": ({"email": "stranger@example.com"}, 422, "email"),
    "no payment method": ({"payment_method": ""}, 422, "payment_method"),
    "an unknown payment method": ({"payment_method": "pm_nobodys"}, 422, "payment_method"),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("change", "status", "field"), BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_the_refusal_of_an_invalid_order_names_the_field(
    customer: User, sku: str, change: dict[str, Any], status: int, field: str
) -> None:
    body = json.loads(json.dumps(valid_order(sku) | change).replace('"SKU"', f'"{sku}"'))

    refused = post(customer, body)

    assert refused.status_code == status, refused.text
    assert problem_of(refused)["field"] == field


BAD_KEYS = {
    "missing": None,
    "empty": "",
    "256 characters": "k" * 256,
    "with a space": "my key",
    "two keys": "key,key",
    "not ASCII": "schlüssel",
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_an_order_without_a_valid_idempotency_key_is_refused(customer: User, sku: str, key: str | None) -> None:
    headers = {} if key is None else {b"Idempotency-Key": key.encode()}

    refused = customer.http.post("/orders", json=valid_order(sku), headers=headers)

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "Idempotency-Key"


UNREADABLE = {
    "invalid JSON": (b"{", 400),
    "an empty body": (b"", 400),
    "an array": (b"[]", 422),
    "a name twice": (b'{"lines": [], "lines": []}', 400),
    "not UTF-8": (b'{"lines": "\xff"}', 400),
    "65537 bytes": (b'{"lines": "' + b"x" * 65525 + b'"}', 413),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("content", "status"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_cannot_be_read_is_refused(customer: User, content: bytes, status: int) -> None:
    refused = customer.http.post("/orders", content=content, headers={"Idempotency-Key": str(uuid.uuid4())})

    assert refused.status_code == status
    assert problem_of(refused)["field"] == "body"


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_body_of_another_type_is_refused(customer: User, sku: str) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "text/plain"}

    refused = customer.http.post("/orders", content=json.dumps(valid_order(sku)), headers=headers)

    assert refused.status_code == 415
    assert problem_of(refused)["field"] == "Content-Type"


def test_an_integer_may_be_written_with_a_fraction_of_zero(customer: User, sku: str) -> None:
    body = json.dumps(valid_order(sku)).replace('"quantity": 1', '"quantity": 2.0')
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}

    placed = customer.http.post("/orders", content=body, headers=headers)

    assert placed.status_code == 202, placed.text
    assert placed.json()["lines"][0]["quantity"] == 2


PRICE = {"amount": 100, "currency": "EUR"}
BAD_SETTINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a negative price": ("/operators/products/x", {"name": "X", "price": PRICE | {"amount": -1}}, "price.amount"),
    "an invalid currency": (
        "/operators/products/x",
        {"name": "X", "price": PRICE | {"currency": "€"}},
        "price.currency",
    ),
    "a currency that the shop does not take": (
        "/operators/products/x",
        {"name": "X", "price": PRICE | {"currency": "CHF"}},
        "price.currency",
    ),
    "a product without a name": ("/operators/products/x", {"price": PRICE}, "name"),
    "an unknown field of a product": (
        "/operators/products/x",
        {"name": "X", "price": PRICE, "colour": "red"},
        "colour",
    ),
    "a product with an invalid SKU": ("/operators/products/-x", {"name": "X", "price": PRICE}, "sku"),
    "a negative stock": ("/operators/stock/x", {"on_hand": -1}, "on_hand"),
    "an unknown field of a stock": ("/operators/stock/x", {"on_hand": 1, "reserved": 1}, "reserved"),
    "a stock with an invalid SKU": ("/operators/stock/-x", {"on_hand": 1}, "sku"),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("path", "body", "field"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_the_refusal_of_an_operators_invalid_request_names_the_field(
    operator: User, path: str, body: dict[str, Any], field: str
) -> None:
    refused = operator.http.put(path, json=body)

    assert refused.status_code == 422, refused.text
    assert problem_of(refused)["field"] == field


def test_stock_cannot_be_set_below_the_reserved_quantity(customer: User, operator: User, sku: str) -> None:
    customer.timeline(str(customer.place({sku: 4}).json()["id"]), "StockReserved")

    refused = operator.http.put(f"/operators/stock/{sku}", json={"on_hand": 3})

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "on_hand"
    assert operator.stock(sku)["on_hand"] == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(
            (f"limit={text}", "limit")
            for text in ("0", "101", "many", "", "05", "%2B5", "+5", "%205", "5.0", "1&limit=2")
        ),
        *((f"cursor={text}", "cursor") for text in ("nonsense", "", "WyIiLCIiXQ", "WyJcdWQ4MDAiLCJiIl0", "x" * 3000)),
    ],
)
def test_a_list_with_an_invalid_limit_or_cursor_is_refused(customer: User, query: str, field: str) -> None:
    refused = customer.http.get(f"/orders?{query}")

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == field


def test_the_last_page_has_no_next_page(shop: DeployedShop, sku: str) -> None:
    customer = shop.user()
    for _ in range(2):
        customer.place({sku: 1})
    wait_until(lambda: len(customer.http.get("/orders").json()["items"]) == 2, SECONDS, "both orders in the list")

    assert customer.http.get("/orders?limit=2").json()["next"] is None
    assert customer.http.get("/orders?limit=1").json()["next"] is not None


@pytest.mark.parametrize("suffix", ["%0a", "%250a", "%00", "%20", "%C2%A0"])
def test_another_spelling_of_a_products_name_is_refused(shop: DeployedShop, sku: str, suffix: str) -> None:
    refused = shop.http().get(f"/products/{sku}{suffix}")

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "sku"


def test_an_order_id_in_capitals_is_refused(customer: User, sku: str) -> None:
    order = str(customer.place({sku: 1}).json()["id"])

    refused = customer.http.get(f"/orders/{order.upper()}")

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "id"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/products/{}/", "/products/{}%2F", "/products/{}/reviews", "/Products/{}"]
)
def test_an_unknown_path_is_refused(shop: DeployedShop, sku: str, path: str) -> None:
    refused = shop.http().get(path.format(sku))

    assert refused.status_code == 404
    problem_of(refused)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST"])
def test_another_method_of_a_path_is_refused(shop: DeployedShop, sku: str, method: str) -> None:
    refused = shop.http().request(method, f"/products/{sku}")

    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET"
    problem_of(refused)
