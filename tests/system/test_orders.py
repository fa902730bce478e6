"""Orders go all the way, over HTTP, on a real deploy with IAM enforced."""

import uuid
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.system.deployed import Deployed, User, order_id, problem_of, types_of

CONFIRMED = ("OrderPlaced", "PaymentCaptured", "StockReserved", "OrderConfirmed", "ReceiptSent")
HAPPY = (*CONFIRMED, "PointsAwarded")


def stock_of(operator: User, sku: str) -> dict[str, Any]:
    found: dict[str, Any] = operator.http.get(f"/stock/{sku}").raise_for_status().json()
    return found


def assert_causes_come_first(events: Sequence[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for event in events:
        assert event["causationid"] is None or event["causationid"] in seen, event
        seen.add(event["id"])
    assert all(earlier["time"] <= later["time"] for earlier, later in pairwise(events))


def test_an_order_is_paid_reserved_confirmed_and_mailed_once(
    shop: Deployed, customer: User, operator: User, sku: str
) -> None:
    placed = customer.place({sku: 2})
    order = order_id(placed)
    assert placed.headers["location"] == f"/orders/{order}"
    assert placed.json()["status"] == "PENDING"

    assert customer.ended(order)["status"] == "CONFIRMED"
    events = customer.timeline(order, *HAPPY)
    shop.at_rest()

    assert sorted(types_of(events)) == sorted(HAPPY)
    assert_causes_come_first(events)
    assert stock_of(operator, sku) == {"sku": sku, "on_hand": 10, "reserved": 2, "available": 8}
    assert len(shop.letters(order)) == 1
    assert "receipt" in shop.letters(order)[0]


def test_an_order_whose_payment_is_declined_ends_cancelled_with_no_stock_held_and_one_e_mail(
    shop: Deployed, customer: User, operator: User, sku: str
) -> None:
    order = order_id(customer.place({sku: 1}, payment_method="pm_card_declined"))

    ended = customer.ended(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "payment_failed")
    events = customer.timeline(order, "OrderPlaced", "PaymentFailed", "OrderCancelled")
    shop.at_rest()

    assert_causes_come_first(events)
    assert stock_of(operator, sku) == {"sku": sku, "on_hand": 10, "reserved": 0, "available": 10}
    assert len(shop.letters(order)) == 1
    assert "cancelled" in shop.letters(order)[0]


def test_an_order_that_is_out_of_stock_ends_cancelled_and_what_was_paid_is_refunded(
    shop: Deployed, customer: User, operator: User
) -> None:
    plenty, none = shop.product(operator, stock=10), shop.product(operator, stock=0)
    order = order_id(customer.place({plenty: 1, none: 1}))

    ended = customer.ended(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "out_of_stock")
    customer.timeline(order, "StockRejected", "OrderCancelled")
    shop.at_rest()

    types = types_of(customer.timeline(order))
    assert types.count("PaymentCaptured") == types.count("PaymentRefunded")
    assert stock_of(operator, plenty)["reserved"] == 0


def test_an_order_that_its_customer_cancels_is_refunded_and_its_stock_released(
    shop: Deployed, customer: User, operator: User, sku: str
) -> None:
    order = order_id(customer.place({sku: 3}))
    assert customer.ended(order)["status"] == "CONFIRMED"
    assert customer.cancel(order).status_code == 202

    events = customer.timeline(order, *CONFIRMED, "OrderCancelled", "PaymentRefunded", "StockReleased")
    ended = customer.ended(order)
    shop.at_rest()

    assert (ended["status"], ended["reason"]) == ("CANCELLED", "customer")
    assert_causes_come_first(events)
    assert stock_of(operator, sku) == {"sku": sku, "on_hand": 10, "reserved": 0, "available": 10}
    assert len(shop.letters(order)) == 2


def test_an_order_is_confirmed_though_its_payment_failed_at_first(customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}, payment_method="pm_card_error_once"))

    assert customer.ended(order)["status"] == "CONFIRMED"
    assert types_of(customer.timeline(order, *HAPPY)).count("PaymentCaptured") == 1


def test_the_same_key_and_order_again_is_answered_alike_and_places_nothing(
    shop: Deployed, customer: User, operator: User, sku: str
) -> None:
    key = str(uuid.uuid4())
    first, again = customer.place({sku: 1}, key), customer.place({sku: 1}, key)

    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    customer.timeline(order_id(first), *HAPPY)
    shop.at_rest()
    assert stock_of(operator, sku)["reserved"] == 1


def test_the_same_key_with_another_order_is_refused(customer: User, sku: str) -> None:
    key = str(uuid.uuid4())
    order_id(customer.place({sku: 1}, key))

    refused = customer.place({sku: 2}, key)

    assert refused.status_code == 422
    assert problem_of(refused)["field"] == "Idempotency-Key"


def test_a_new_price_does_not_change_the_answer_to_a_repeat(customer: User, operator: User, sku: str) -> None:
    key = str(uuid.uuid4())
    first = customer.place({sku: 1}, key)
    dearer = {"name": "Thing", "price": {"amount": 2000, "currency": "EUR"}}
    operator.http.put(f"/products/{sku}", json=dearer).raise_for_status()

    again = customer.place({sku: 1}, key)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert again.json()["total"] == {"amount": 1000, "currency": "EUR"}


def test_the_prices_are_the_shops(customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 3}))

    shown = customer.http.get(f"/orders/{order}").json()

    assert shown["lines"] == [{"sku": sku, "quantity": 3, "price": {"amount": 1000, "currency": "EUR"}}]
    assert shown["total"] == {"amount": 3000, "currency": "EUR"}


def test_a_customer_lists_its_own_orders_newest_first_page_by_page(shop: Deployed, sku: str) -> None:
    somebody = shop.user()
    placed = [order_id(somebody.place({sku: 1})) for _ in range(3)]

    first = somebody.http.get("/orders", params={"limit": 2}).json()
    second = somebody.http.get("/orders", params={"limit": 2, "cursor": first["next"]}).json()

    assert [order["id"] for order in first["items"] + second["items"]] == placed[::-1]
    assert second["next"] is None
