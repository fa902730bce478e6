"""What is refused gets its status and a problem that names the field, and leaves nothing behind."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from ops.api import order_of
from tests.system.deployed import Deployed, User, problem_of

STORES = ("orders", "inventory", "payment", "notification", "history")


def good(sku: str) -> dict[str, Any]:
    return order_of([(sku, 1)])


def post(customer: User, body: Mapping[str, Any], key: str | None = None) -> httpx.Response:
    return customer.http.post("/orders", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


@pytest.fixture
def nothing_is_stored(shop: Deployed, sku: str) -> Iterator[None]:  # noqa: ARG001 - its product is there before
    """Compares what the tables hold before the test with what they hold after it."""
    shop.at_rest()
    before = shop.items(*STORES)
    yield
    shop.at_rest()
    assert shop.items(*STORES) == before


BAD_ORDERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no lines": ({"lines": []}, 422, "lines"),
    "51 lines": ({"lines": [{"sku": f"s-{n}", "quantity": 1} for n in range(51)]}, 422, "lines"),
    "a SKU twice": ({"lines": [{"sku": "SKU", "quantity": 1}] * 2}, 422, "lines[1].sku"),
    "a SKU that is none": ({"lines": [{"sku": "?", "quantity": 1}]}, 422, "lines[0].sku"),
    "an unknown SKU": ({"lines": [{"sku": "unknown", "quantity": 1}]}, 422, "lines[0].sku"),
    "a quantity of none": ({"lines": [{"sku": "SKU", "quantity": 0}]}, 422, "lines[0].quantity"),
    "a quantity of 1001": ({"lines": [{"sku": "SKU", "quantity": 1001}]}, 422, "lines[0].quantity"),
    "a fraction of one": ({"lines": [{"sku": "SKU", "quantity": 1.5}]}, 422, "lines[0].quantity"),
    "a quantity in words": ({"lines": [{"sku": "SKU", "quantity": "1"}]}, 422, "lines[0].quantity"),
    "no quantity": ({"lines": [{"sku": "SKU"}]}, 422, "lines[0].quantity"),
    "a price of the client's": ({"lines": [{"sku": "SKU", "quantity": 1, "price": 1}]}, 422, "lines[0].price"),
    "an unknown field": ({"discount": 10}, 422, "discount"),
    "an unknown field of the address": ({"address": order_of([])["address"] | {"planet": "X"}}, 422, "address.planet"),
    "an address without a city": (
        {"address": {name: text for name, text in order_of([])["address"].items() if name != "city"}},
        422,
        "address.city",
    ),
    "a country that is none": ({"address": order_of([])["address"] | {"country": "gb"}}, 422, "address.country"),
    "an e-mail address that is none": ({"email": "nobody"}, 422, "email"),
    "no payment method": ({"payment_method": ""}, 422, "payment_method"),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("change", "status", "field"), BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_a_bad_order_is_refused_by_the_field(
    customer: User, sku: str, change: dict[str, Any], status: int, field: str
) -> None:
    body = json.loads(json.dumps(good(sku) | change).replace('"SKU"', f'"{sku}"'))

    refused = post(customer, body)

    assert refused.status_code == status, refused.text
    assert problem_of(refused)["field"] == field


BAD_KEYS = {"none": None, "empty": "", "256 long": "k" * 256, "with a space": "my key", "not ASCII": "schlüssel"}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_an_order_without_a_good_idempotency_key_is_refused(customer: User, sku: str, key: str | None) -> None:
    headers = {} if key is None else {b"Idempotency-Key": key.encode()}

    refused = customer.http.post("/orders", json=good(sku), headers=headers)

    assert refused.status_code == 400
    assert problem_of(refused)["field"] == "Idempotency-Key"


UNREADABLE = {
    "no JSON": (b"{", 400),
    "nothing": (b"", 400),
    "no object": (b"[]", 422),
    "65537 bytes": (b'{"lines": "' + b"x" * 65525 + b'"}', 413),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("content", "status"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_is_no_order_at_all_is_refused(customer: User, content: bytes, status: int) -> None:
    refused = customer.http.post("/orders", content=content, headers={"Idempotency-Key": str(uuid.uuid4())})

    assert refused.status_code == status
    assert problem_of(refused)["field"] == "body"


PRICE = {"amount": 100, "currency": "EUR"}
BAD_SETTINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a price below nothing": ("/products/x", {"name": "X", "price": PRICE | {"amount": -1}}, "price.amount"),
    "a currency that is none": ("/products/x", {"name": "X", "price": PRICE | {"currency": "€"}}, "price.currency"),
    "a product without a name": ("/products/x", {"price": PRICE}, "name"),
    "a product's unknown field": ("/products/x", {"name": "X", "price": PRICE, "colour": "red"}, "colour"),
    "a product under no SKU": ("/products/-x", {"name": "X", "price": PRICE}, "sku"),
    "stock below nothing": ("/stock/x", {"on_hand": -1}, "on_hand"),
    "stock's unknown field": ("/stock/x", {"on_hand": 1, "reserved": 1}, "reserved"),
    "stock under no SKU": ("/stock/-x", {"on_hand": 1}, "sku"),
}


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(("path", "body", "field"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_what_an_operator_sets_wrongly_is_refused_by_the_field(
    operator: User, path: str, body: dict[str, Any], field: str
) -> None:
    refused = operator.http.put(path, json=body)

    assert refused.status_code == 422, refused.text
    assert problem_of(refused)["field"] == field


def test_stock_cannot_be_set_below_what_is_reserved(customer: User, operator: User, sku: str) -> None:
    customer.timeline(str(customer.place({sku: 4}).json()["id"]), "StockReserved")

    refused = operator.http.put(f"/stock/{sku}", json={"on_hand": 3})

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "on_hand"
    assert operator.http.get(f"/stock/{sku}").json()["on_hand"] == 10


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "many"}, {"cursor": "nonsense"}])
def test_a_list_is_refused_for_a_bad_limit_or_cursor(customer: User, query: dict[str, str]) -> None:
    refused = customer.http.get("/orders", params=query)

    assert refused.status_code == 400
    assert problem_of(refused)["field"] in query
