"""The commands for orders, against an API that answers by a table."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.unit.ops.api import Install

PLACED = {
    "id": str(UUID(int=1)),
    "status": "PENDING",
    "lines": [{"sku": "mug", "quantity": 2, "price": {"amount": 1299, "currency": "EUR"}}],
    "total": {"amount": 2598, "currency": "EUR"},
}
ANOTHER_TOTAL = {"title": "Another total", "detail": "It costs more.", "total": {"amount": 2998, "currency": "EUR"}}
PLACE = ("orders", "place", "--sku", "mug:2")


def test_an_order_is_placed_at_the_expected_total(api: Install) -> None:
    shop = api({"POST /orders": PLACED})

    answer = shop.run(*PLACE, "--expected-total", "25.98EUR")

    assert answer.exit_code == 0, answer.output
    ((_, request),) = shop.sent
    assert request["expected_total"] == {"amount": 2598, "currency": "EUR"}


def test_an_order_without_an_expected_total_sends_none(api: Install) -> None:
    shop = api({"POST /orders": PLACED})

    assert shop.run(*PLACE).exit_code == 0
    ((_, request),) = shop.sent
    assert "expected_total" not in request


def test_the_error_about_another_total_shows_it_as_it_must_be_typed(api: Install) -> None:
    shop = api({"POST /orders": httpx.Response(409, json=ANOTHER_TOTAL)})

    answer = shop.run(*PLACE, "--expected-total", "25.98EUR")

    assert answer.exit_code == 1
    assert answer.stderr == (
        "Error: nothing was ordered, because the order costs 29.98 EUR now; to agree to that, repeat the command with "
        "--expected-total 29.98EUR\n"
    )


def test_another_refusal_of_an_order_is_shown_as_it_is(api: Install) -> None:
    refusal = {"title": "Unknown SKU", "detail": "No mug.", "field": "lines[0].sku"}
    shop = api({"POST /orders": httpx.Response(422, json=refusal)})

    answer = shop.run(*PLACE, "--expected-total", "25.98EUR")

    assert answer.stderr == "Error: 422 Unknown SKU: No mug. [lines[0].sku]\n"


def test_an_expected_total_that_is_no_amount_of_money_is_refused(api: Install) -> None:
    shop = api({"POST /orders": PLACED})

    answer = shop.run(*PLACE, "--expected-total", "25.9EUR")

    assert "'25.9EUR' is not an amount of money" in answer.stderr
    assert shop.sent == []


@pytest.mark.parametrize(
    ("members", "ending"),
    [
        ({"status": "PENDING", "waiting_for": ["approval", "stock"]}, ", waiting for approval, stock"),
        ({"status": "CONFIRMED", "waiting_for": [], "dispute": "open"}, ", dispute open"),
        ({"status": "DISPATCHED", "waiting_for": [], "dispute": None}, ""),
    ],
)
def test_an_order_is_shown_with_what_it_waits_for_and_its_dispute(
    api: Install, members: dict[str, Any], ending: str
) -> None:
    order = {**PLACED, **members}
    answer = api({f"GET /operators/orders/{PLACED['id']}": order}).run("orders", "show", str(PLACED["id"]))
    assert answer.stdout == f"{PLACED['id']}: {members['status']}, 2 x mug, 25.98 EUR{ending}\n"
