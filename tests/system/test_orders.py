"""Orders over HTTP, from placing to their last event, on a deployed shop with IAM enforced."""

import uuid
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.system.deployed import DeployedShop, User, order_id, problem_of, types_of

CONFIRMED = ("OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderConfirmed", "PaymentCaptured", "EmailSent")
COMPLETE = (*CONFIRMED, "PointsAwarded")


def assert_causes_precede_effects(events: Sequence[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for event in events:
        assert event["causationid"] is None or event["causationid"] in seen, event
        seen.add(event["id"])
    assert all(earlier["time"] <= later["time"] for earlier, later in pairwise(events))


def test_an_order_is_authorized_reserved_confirmed_and_captured_and_its_customer_receives_one_email(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    placed = customer.place({sku: 2})
    order = order_id(placed)
    found = customer.http.get(placed.url.join(placed.headers["location"]))
    assert found.json()["id"] == order
    assert placed.json()["status"] == "PENDING"

    assert customer.outcome(order)["status"] == "CONFIRMED"
    events = customer.timeline(order, *COMPLETE)
    shop.wait_until_idle()

    assert sorted(types_of(events)) == sorted(COMPLETE)
    assert_causes_precede_effects(events)
    assert operator.stock(sku) == {"sku": sku, "on_hand": 10, "reserved": 2, "available": 8}
    assert len(shop.emails(order)) == 1
    assert "receipt" in shop.emails(order)[0]


def test_an_order_whose_payment_is_declined_is_cancelled_with_no_reserved_stock_and_one_email(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = order_id(customer.place({sku: 1}, payment_method="pm_card_declined"))

    ended = customer.outcome(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "payment_failed")
    events = customer.timeline(order, "OrderPlaced", "PaymentFailed", "OrderCancelled")
    shop.wait_until_idle()

    assert_causes_precede_effects(events)
    assert operator.stock(sku) == {"sku": sku, "on_hand": 10, "reserved": 0, "available": 10}
    assert len(shop.emails(order)) == 1
    assert "cancelled" in shop.emails(order)[0]


def test_an_order_that_is_out_of_stock_is_cancelled_and_never_charged(
    shop: DeployedShop, customer: User, operator: User
) -> None:
    available, missing = shop.add_product(operator, stock=10), shop.add_product(operator, stock=0)
    order = order_id(customer.place({available: 1, missing: 1}))

    ended = customer.outcome(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "out_of_stock")
    customer.timeline(order, "StockRejected", "OrderCancelled")
    shop.wait_until_idle()

    types = types_of(customer.timeline(order))
    assert "PaymentCaptured" not in types
    assert len(shop.emails(order)) == 1
    assert operator.stock(available)["reserved"] == 0


def test_an_order_that_its_customer_cancels_is_refunded_and_its_stock_is_released(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    order = order_id(customer.place({sku: 3}))
    customer.timeline(order, *CONFIRMED)
    assert customer.cancel(order).status_code == 202

    events = customer.timeline(order, *CONFIRMED, "OrderCancelled", "PaymentRefunded", "StockReleased")
    ended = customer.outcome(order)
    shop.wait_until_idle()

    assert (ended["status"], ended["reason"]) == ("CANCELLED", "customer")
    assert_causes_precede_effects(events)
    assert operator.stock(sku) == {"sku": sku, "on_hand": 10, "reserved": 0, "available": 10}
    assert len(shop.emails(order)) == 2


def test_an_order_whose_payment_fails_once_is_confirmed(customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}, payment_method="pm_card_error_once"))

    assert customer.outcome(order)["status"] == "CONFIRMED"
    assert types_of(customer.timeline(order, *COMPLETE)).count("PaymentCaptured") == 1


def test_a_repeated_request_gets_the_first_answer_and_places_no_order(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    key = str(uuid.uuid4())
    first, repeated = customer.place({sku: 1}, key), customer.place({sku: 1}, key)

    assert "Idempotent-Replayed" not in first.headers
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert (repeated.status_code, repeated.json()) == (first.status_code, first.json())
    customer.timeline(order_id(first), *COMPLETE)
    shop.wait_until_idle()
    assert operator.stock(sku)["reserved"] == 1


def test_an_idempotency_key_with_another_order_is_refused(customer: User, sku: str) -> None:
    key = str(uuid.uuid4())
    order_id(customer.place({sku: 1}, key))

    refused = customer.place({sku: 2}, key)

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "Idempotency-Key"


def test_a_new_price_does_not_change_the_answer_to_a_repeated_request(customer: User, operator: User, sku: str) -> None:
    key = str(uuid.uuid4())
    first = customer.place({sku: 1}, key)
    new_price = {"name": "Thing", "price": {"amount": 2000, "currency": "EUR"}}
    operator.http.put(f"/operators/products/{sku}", json=new_price).raise_for_status()

    repeated = customer.place({sku: 1}, key)

    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert repeated.json() == first.json()
    assert repeated.json()["total"] == {"amount": 1000, "currency": "EUR"}


def test_an_order_that_costs_another_amount_than_its_customer_agreed_to_is_placed_when_the_customer_agrees_to_it(
    customer: User, sku: str
) -> None:
    key = str(uuid.uuid4())
    refused = customer.place({sku: 2}, key, expected_total={"amount": 1000, "currency": "EUR"})

    assert refused.status_code == 409
    assert problem_of(refused)["total"] == {"amount": 2000, "currency": "EUR"}
    placed = customer.place({sku: 2}, key, expected_total=problem_of(refused)["total"])
    assert placed.json()["total"] == {"amount": 2000, "currency": "EUR"}


def test_an_order_has_the_catalogues_prices(customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 3}))

    shown = customer.order(order)

    assert shown["lines"] == [{"sku": sku, "quantity": 3, "price": {"amount": 1000, "currency": "EUR"}}]
    assert shown["total"] == {"amount": 3000, "currency": "EUR"}


def test_a_customers_list_shows_their_orders_newest_first_in_pages(shop: DeployedShop, sku: str) -> None:
    someone = shop.user()
    placed = [order_id(someone.place({sku: 1})) for _ in range(3)]

    first = someone.http.get("/orders", params={"limit": 2}).json()
    second = someone.http.get("/orders", params={"limit": 2, "cursor": first["next"]}).json()

    assert [order["id"] for order in first["items"] + second["items"]] == placed[::-1]
    assert second["next"] is None
